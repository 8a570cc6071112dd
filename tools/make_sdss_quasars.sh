#!/usr/bin/env bash
# Make the model sdss-quasars from the file of 2,140 real stamps, and score it: five models, each fitted to
# four folds of the sky; calibrated by each other; the one that held out fold 0 is the one that is shipped.
#
#   tools/make_sdss_quasars.sh sdss_quasars_ugriz.npz WORK
#
# WORK/folds/fold-0 is the model, WORK/report the cross-validation. Some five minutes on two cores.
set -euo pipefail
file=$1 work=$2
run="${VO_PHOTOZ:-vo-photoz}"
mkdir -p "$work"
cp "$file" "$work/"
cd "$work"
"$run" dataset import "$(basename "$file")" -o quasars --bands ugriz --pixel-arcsec 0.396 --unit nanomaggy \
  --size 28 --scale 0.4 \
  --title "2,140 SDSS quasars with spectra, z 2.75-5, ugriz stamps, split by place on the sky" \
  --citation "SDSS DR16: Ahumada et al. 2020, ApJS 249, 3; see https://www.sdss.org/collaboration/citing-sdss/" \
  --licence "SDSS pixels and catalogue values are public; the weights of the networks: BSD-3-Clause"
for fold in 0 1 2 3 4; do
  "$run" train quasars -o "folds/fold-$fold" --name sdss-quasars \
    --title "SDSS quasars, 2.75 < z < 5, from ugriz images as observed" \
    --members 5 --epochs 60 --batch 128 --learning-rate 4e-3 --held-out-fold "$fold" --stop-fold none
done
"$run" models calibrate folds quasars
"$run" models export folds/fold-0
"$run" evaluate folds quasars -o report --rivals forest,feature-mdn
