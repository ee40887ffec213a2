#!/usr/bin/env bash
# The main job: every numbered script in order, from input/ to subm/submission.csv and subm/report.html.
# With nothing in input/, phantom data is made first and the small demo preset is used. Own videos and train_labels.csv
# (filename, stalled) in input/ are enough; without test videos it ends with the scores out of fold and the report.
#   ./run.sh              STAGEWISE_ROOT=FOLDER changes where it works, SEED=N all chance but the split's (r03's seed is 42)
#   ./run.sh --recipe d121|r101|vote|all  the winner's recipe (default), the second or the third place's, or all three
#                         and what joins them, on the same volumes and split
#   ./run.sh --recipe pneumothorax  chest X-rays instead of videos: from input/xrays/ to subm/pneumothorax/submission.csv
#                         and report.html; with nothing there phantom X-rays are made first
#   ./run.sh --preset demo|small|full  the recipe's numbers (full: days on a GPU; small: its net on small clips or
#                         images, for a CPU; demo: a small net, random weights, folds 0 and 1 of 5: minutes, to see whether all fits)
#   ./run.sh --keep-going leaves out videos that cannot be used, and ends with exit code 5 where there are any; a test
#                         video among them gets a blank row in submission.csv
#   ./run.sh --keep-going --unanswered flowing  calls such a test video flowing instead, as the competition takes no blanks
#   ./run.sh --gpu J      runs on GPU number J alone; --gpu none on the CPU, whatever GPUs there are; without it, several
#                         GPUs train a fold each, side by side
#   ./run.sh --gpu-backend jax|tensorflow|torch  installs that backend with CUDA, and runs on it
usage() { sed -n '2,/^[^#]/s/^# //p' "${BASH_SOURCE[0]}"; }
wrong() { { echo "error: $1"; usage; } >&2; exit 2; }
keep_going=()
unanswered=blank
preset=
recipe=d121
gpu=()
gpu_backend=
while [ $# -gt 0 ]; do
    case "$1" in
        --keep-going) keep_going=(--keep-going) ;;
        --unanswered)
            case "${2:-}" in flowing | blank) ;; *) wrong "--unanswered takes flowing or blank" ;; esac
            unanswered="$2"
            keep_going=(--keep-going)
            shift
            ;;
        --preset)
            case "${2:-}" in demo | small | full) ;; *) wrong "--preset takes demo, small or full" ;; esac
            preset="$2"
            shift
            ;;
        --recipe)
            case "${2:-}" in d121 | r101 | vote | all | pneumothorax) ;; *) wrong "--recipe takes d121, r101, vote, all or pneumothorax" ;; esac
            recipe="$2"
            shift
            ;;
        --gpu)
            [[ "${2:-}" =~ ^([0-9]+|none)$ ]] || wrong "--gpu takes a number, or none"
            gpu=(--gpu "$2")
            shift
            ;;
        --gpu-backend)
            case "${2:-}" in jax | tensorflow | torch) ;; *) wrong "--gpu-backend takes jax, tensorflow or torch" ;; esac
            gpu_backend="$2"
            shift
            ;;
        -h | --help) usage; exit ;;
        *) wrong "unknown argument $1" ;;
    esac
    shift
done
source "$(dirname "${BASH_SOURCE[0]}")/setup_env.sh"
if [ -n "$gpu_backend" ]; then
    install_once "gpu-$gpu_backend" -r "requirements-gpu-$gpu_backend.txt"
    export KERAS_BACKEND="$gpu_backend"
fi
ROOT="${STAGEWISE_ROOT:-$REPO}"
[ "${ROOT#/}" != "$ROOT" ] || ROOT="$PWD/$ROOT"
export STAGEWISE_ROOT="$ROOT"
cd "$REPO"
SEED="${SEED:-42}"

pids=()  # what runs now: in the background, since bash would hear of a signal only after the end of anything else
stop() {  # stop CODE: end what runs, which gets no signal that bash alone gets, and no Ctrl-C
    trap '' INT TERM
    kill "${pids[@]}" 2> /dev/null || true
    wait
    exit "$1"
}
trap 'stop 130' INT
trap 'stop 143' TERM

step() {  # print a command, run it, and say how long it took
    local start=$SECONDS
    printf '\n$ python %s\n' "$*"
    python "$@" &
    pids=($!)
    wait $! || return $?
    printf '(%d s)\n' $((SECONDS - start))
}

sift() {  # a step that may leave inputs out, which is its exit code 5; with --keep-going it is the run's at its end, too
    local code=0
    step "$@" || code=$?
    [ $code -eq 0 ] || [ $code -eq 5 ] || exit $code
    [ ${#keep_going[@]} -eq 0 ] || [ $code -eq 0 ] || ended=$code
}

train() {  # train SCRIPT [options]: the chosen folds; in the demo side by side, a core each, which takes two thirds as long
    local script="$1" start=$SECONDS k failed=0
    shift
    local cores=($(trap '' INT; python -c 'from stagewise.machine import processor; print(*processor.cores()[:processor.available_cpus()])'))
    if [ ${#folds[@]} -eq 0 ] || [ ${#cores[@]} -lt 2 ] || ! command -v taskset > /dev/null; then
        step "$script" "$@" "${folds[@]}"
        return
    fi
    printf '\n$ python %s --fold 0 & python ... --fold 1\n' "$script $*"
    pids=()
    for k in 0 1; do  # TERM=dumb: whole lines, since two processes cannot redraw one
        TERM=dumb taskset -c "${cores[k]}" python "$script" "$@" --fold "$k" &
        pids+=($!)
    done
    for k in 0 1; do wait "${pids[k]}" || failed=$?; done
    printf '(%d s)\n' $((SECONDS - start))
    return $failed
}

check() {  # check SCRIPT ...: before anything is trained, whether the nets' first weights are there
    local script
    for script in "$@"; do
        python "$script" "${common[@]}" "${init[@]}" "${folds[@]}" --dry-run > /dev/null || exit $?
    done
}

gpus=  # how many there are, where they are to be looked for
[ ${#gpu[@]} -gt 0 ] || gpus="$(trap '' INT; python -c 'from stagewise.machine import gpus; print(gpus.count())')"
on_gpus() {  # on_gpus FOLDER [options]: where there are several GPUs, all its trainings, side by side; else it fails
    [ "${gpus:-0}" -gt 1 ] || return 1
    step "$1/r30_train_folds.py" "${common[@]}" "${init[@]}" "${folds[@]}" "${@:2}" || exit $?
}

ended=0
common=(--seed "$SEED" "${gpu[@]}")
folds=()
init=()

begin() {  # begin FOLDER ANSWERS SCRIPT [options]: phantom data by the script where there are none, and what a demo is
    local input="$1" unfinished="$1/.phantom-unfinished.json"
    phantom="$2"
    shift 2
    if [ -e "$phantom" ] || [ -e "$unfinished" ] || [ -z "$(ls "$input" 2>/dev/null | grep -vx xrays)" ]; then
        echo "phantom data, --preset ${preset:=demo}"
        [ -e "$phantom" ] && [ ! -e "$unfinished" ] || step "$@" --seed "$SEED"
    fi
    [ -z "$preset" ] || common+=(--preset "$preset")
    if [ "$preset" = demo ]; then
        echo "demo: random weights, folds 0 and 1 of 5"
        folds=(--fold 0 --fold 1)
        init=(--init random)
    fi
}

if [ "$recipe" = pneumothorax ]; then
    begin "$ROOT/input/xrays" "$ROOT/input/xrays/phantom_test_rle.csv" pneumothorax/r00_make_phantom.py --train 600 --test 80 --side 512 --least-area 4000
    sift pneumothorax/r01_convert_dicom.py "${keep_going[@]}"
    sift pneumothorax/r02_verify_data.py "${keep_going[@]}"
    [ -e "$ROOT/modified_data/xrays/kfold_split_5_42.csv" ] || step pneumothorax/r03_gen_kfold_split.py
    nets=(albunet_public albunet_valid seunet resnet50)
    [ "$preset" != demo ] || nets=(resnet50)
    chosen=()
    scripts=()
    for net in "${nets[@]}"; do
        chosen+=(--net "$net")
        scripts+=(pneumothorax/r3?_train_$net.py)
    done
    check "${scripts[@]}"
    if ! on_gpus pneumothorax "${chosen[@]}"; then
        for script in "${scripts[@]}"; do train "$script" "${common[@]}" "${init[@]}"; done
    fi
    step pneumothorax/r41_process_oof.py --seed "$SEED" "${gpu[@]}" "${folds[@]}"
    answer=()
    [ ${#keep_going[@]} -eq 0 ] || answer=(--unanswered empty)
    sift pneumothorax/r42_process_test.py "${answer[@]}" "${gpu[@]}" "${folds[@]}"
    [ ${#nets[@]} -eq 1 ] || sift pneumothorax/r61_blend.py --seed "$SEED" "${answer[@]}" "${folds[@]}"
    [ ! -e "$phantom" ] || step pneumothorax/r50_score_phantom.py
    step pneumothorax/r51_report.py "${folds[@]}"
    printf '\nthe answers are in %s; report.html beside it shows how they came about\n' "$ROOT/subm/pneumothorax/submission.csv"
    exit $ended
fi

begin "$ROOT/input" "$ROOT/input/phantom_test_labels.csv" preproc_data/r00_make_phantom.py --train 800 --test 200
sift preproc_data/r01_extract_roi.py "${keep_going[@]}"
for subset in train test; do  # packed before, they are what is read
    [ ! -e "$ROOT/modified_data/roi_parts/$subset.lmdb" ] || step preproc_data/r05_pack_volumes.py $subset
done
if [ ${#keep_going[@]} -gt 0 ]; then
    echo "test videos that cannot be answered: --unanswered $unanswered"
    sift preproc_data/r02_verify_data.py --keep-going
    answer=(--unanswered "$unanswered")
else
    sift preproc_data/r02_verify_data.py --keep-going train  # always, as a part of the labelled videos will do
    answer=()
fi
[ -e "$ROOT/modified_data/kfold_split_5_42.csv" ] || step preproc_data/r03_gen_kfold_split.py
answers="no test set, and so no answers"
has_test=
[ ! -e "$ROOT/modified_data/roi_parts/test.csv" ] || has_test=1

predict() {  # predict FOLDER: out of fold, and the test videos
    step "$1/r41_process_oof.py" --seed "$SEED" "${gpu[@]}" "${folds[@]}"
    if [ -z "$has_test" ]; then
        printf '\nno test set: r42 is left out\n'
        return
    fi
    sift "$1/r42_process_test.py" "${answer[@]}" "${gpu[@]}" "${folds[@]}"
    [ ! -e "$1/r61_vote.py" ] || step "$1/r61_vote.py" --seed "$SEED"
    answers="the answers are in $ROOT/subm/submission.csv"
}

show() {  # show FOLDER: heat maps, how right the answers are where that is known, and the report
    step "$1/r52_create_heatmap_video.py" --worst 2 --sure 2 "${gpu[@]}" "${folds[@]}"
    [ ! -e "$phantom" ] || step "$1/r50_score_phantom.py"
    step "$1/r51_report.py" "${gpu[@]}" "${folds[@]}"
}

d121() {
    [ ${#init[@]} -gt 0 ] || [ -e "$ROOT/models/imagenet_densenet121_3d.weights.h5" ] || step preproc_data/r04_inflate_imagenet.py
    if ! on_gpus net_d121_stage3_tier1; then
        train net_d121_stage1/r31_train.py "${common[@]}" "${init[@]}"
        train net_d121_stage2_auc/r31_train.py "${common[@]}"
        train net_d121_stage3_tier1/r31_train.py "${common[@]}"
    fi
    predict net_d121_stage3_tier1
    show net_d121_stage3_tier1
}

r101() {
    if ! on_gpus second_place_r101; then
        train second_place_r101/r31_train_run1.py "${common[@]}"
        train second_place_r101/r32_train_run2.py "${common[@]}"
    fi
    predict second_place_r101
    show second_place_r101
}

vote_nets=(third_place_vote/r31_train_r2plus1d.py third_place_vote/r32_train_mc3.py third_place_vote/r33_train_r3d.py)

vote() {
    local script
    if ! on_gpus third_place_vote; then
        for script in "${vote_nets[@]}"; do train "$script" "${common[@]}" "${init[@]}"; done
    fi
    predict third_place_vote
    show third_place_vote
}

case "$recipe" in vote | all) check "${vote_nets[@]}" ;; esac
if [ "$recipe" = all ]; then
    for one in d121 r101 vote; do
        "$one"
        cp "$ROOT/subm/report.html" "$ROOT/subm/report_$one.html"  # the next one's replaces it
    done
    [ -z "$has_test" ] || step join/r61_join.py net_d121_stage3_tier1 second_place_r101 third_place_vote --seed "$SEED" --common
    [ -z "$has_test" ] || [ ! -e "$phantom" ] || step join/r50_score_phantom.py
else
    "$recipe"
fi
report="$ROOT/subm/report.html"
case "$recipe" in
    vote) report="$report, of R(2+1)D (r51 --net for the others)," ;;
    all) report="$ROOT/subm/report_{d121,r101,vote}.html" ;;
esac
printf '\n%s; %s shows how it all came about\n' "$answers" "$report"
exit $ended
