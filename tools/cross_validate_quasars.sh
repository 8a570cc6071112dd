#!/usr/bin/env bash
# Score networks that know the 2,140 real stamps alone (z 2.75-5): five folds of the sky, each scored by
# networks fitted to the other four and calibrated by the other models; a random forest, a network on
# photometry and the neighbours in colour on the same folds.
#
#   tools/cross_validate_quasars.sh sdss_quasars_ugriz.npz WORK
#
# WORK/report is the cross-validation. Some ten minutes on two cores.
set -euo pipefail
file=$1 work=$2
run="${VO_PHOTOZ:-vo-photoz}"
mkdir -p "$work"
cp "$file" "$work/"
cd "$work"
"$run" dataset import "$(basename "$file")" -o quasars --bands ugriz --pixel-arcsec 0.396 --unit nanomaggy \
  --size 28 --scale 0.4
for fold in 0 1 2 3 4; do
  "$run" train quasars -o "folds/fold-$fold" --members 5 --epochs 60 --batch 128 --components 6 \
    --learning-rate 4e-3 --dropout 0.2 --loss blend --held-out-fold "$fold" --stop-fold none
done
"$run" models calibrate folds quasars
"$run" evaluate folds quasars -o report --rivals forest,feature-mdn
