#!/usr/bin/env bash
# Make the model sdss-quasars and score it. Five models, each fitted to four folds of the sky and calibrated by
# the others; the one that held out fold 0 is the one that is shipped. Each is four joined:
#
#   general    networks trained on simulated quasars of z 0-7, then on the file of 2,140 real stamps (z 2.75-5)
#              with nearly as many simulated quasars of all z, so that they can tell what those lack;
#   wide       networks trained on simulated quasars of z 2.7-5.6, then on the same stamps with one to three;
#   special    networks trained on simulated quasars of z 2.7-5.05, then on the same stamps with one to four;
#   observed   networks trained on the same stamps alone.
#
# Inside the range of the stamps the last two have the word, around it the second, elsewhere the first. Below
# 2.7, 1 source in 5,000 is assumed: samples like that of the stamps are chosen to hold none; beyond 5.6, 1 in 25.
#
#   tools/make_sdss_quasars.sh sdss_quasars_ugriz.npz WORK
#
# WORK/folds/fold-0 is the model, WORK/report the cross-validation, WORK/report-selection the same with the
# prior of the selection, WORK/report-PART those of the parts before calibration. About an hour on two cores.
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
"$run" dataset simulate quasars -o sim-1 --n 120000 --seed 1
"$run" dataset simulate quasars -o sim-2 --n 120000 --seed 2
"$run" dataset simulate high-redshift-quasars -o sim-high --n 40000 --seed 11
"$run" dataset simulate sdss-redshift-quasars -o sim-mid --n 100000 --seed 21
"$run" dataset simulate distant-quasars -o sim-wide --n 120000 --seed 31
"$run" train sim-1 --with sim-2:0.5 -o pre2 --title "Simulated quasars, z 0-7" --members 3 --epochs 8 \
  --dense 256,256,128 --components 12 --batch 512 --learning-rate 4e-3 --dropout 0.05 --loss blend --augment none
"$run" train sim-mid -o pre-mid --title "Simulated quasars, z 2.7-5.05" --members 4 --epochs 10 \
  --dense 128,128,64 --components 6 --batch 512 --learning-rate 4e-3 --dropout 0.05 --loss blend --augment none
"$run" train sim-wide -o pre-wide --title "Simulated quasars, z 2.7-5.6" --members 2 --epochs 7 \
  --dense 128,128,64 --components 6 --batch 512 --learning-rate 4e-3 --dropout 0.05 --loss blend --augment none
title="SDSS quasars from ugriz images as observed: real 2.75 < z < 5, simulated 0 < z < 7"
for fold in 0 1 2 3 4; do
  "$run" train quasars --from pre2 --with sim-1:0.35 --with sim-high:0.1 -o "general-$fold" \
    --title "$title" --members 3 --epochs 50 --batch 128 --learning-rate 2e-3 --dropout 0.2 --loss blend \
    --held-out-fold "$fold" --stop-fold none
  "$run" train quasars --from pre-wide --with sim-wide:0.25 -o "wide-$fold" \
    --title "SDSS quasars from ugriz images as observed, 2.7 < z < 5.6" \
    --members 4 --epochs 50 --batch 128 --learning-rate 4e-3 --dropout 0.15 --loss blend \
    --held-out-fold "$fold" --stop-fold none
  "$run" train quasars --from pre-mid --with sim-mid:0.2 -o "special-$fold" \
    --title "SDSS quasars from ugriz images as observed, 2.7 < z < 5.05" \
    --members 4 --epochs 50 --batch 128 --learning-rate 4e-3 --dropout 0.15 --loss blend \
    --held-out-fold "$fold" --stop-fold none
  "$run" train quasars -o "observed-$fold" \
    --title "SDSS quasars from ugriz images as observed, 2.75 < z < 5, real stamps alone" \
    --members 4 --epochs 60 --batch 128 --components 6 --learning-rate 4e-3 --dropout 0.2 --loss blend \
    --held-out-fold "$fold" --stop-fold none
  "$run" models join "wide-$fold" "special-$fold" "observed-$fold" -o "inner-$fold" \
    --title "SDSS quasars from ugriz images as observed, 2.7 < z < 5.6"
  "$run" models join "general-$fold" "inner-$fold" -o "folds/fold-$fold" \
    --name sdss-quasars --title "$title" --below 0.0002 --beyond 0.04
done
for part in general wide special observed; do
  "$run" evaluate "$part"-{0,1,2,3,4} quasars -o "report-$part"
done
"$run" models calibrate folds quasars
"$run" models export folds/fold-0
"$run" evaluate folds quasars -o report --rivals forest,feature-mdn
"$run" evaluate folds quasars -o report-selection --rivals forest,feature-mdn --prior selection
