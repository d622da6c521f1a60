# bash completion for bnfold
# shellcheck disable=SC2034 # the lists are read through ${!command}
_bnfold()
{
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command=fold i
    local commands='plan check run convert explain help'
    local fold='--output --in-place --strict --leftover --check --samples --seed --data --dim
        --rtol --atol --require-run --save-failing --max-u --keep-failed --heal --only --skip
        --assume-inference --keep-overridable --external-data --external-threshold --fsync --threads --max-memory --max-work --json --quiet --verbose --progress --color --help --version'
    local plan='--strict --leftover --only --skip --assume-inference --keep-overridable --json --quiet --verbose
        --color --help'
    local check='--strict --check --samples --seed --data --dim --rtol --atol --require-run --save-failing --max-u
        --keep-overridable --match --threads --max-memory --max-work --json --quiet --verbose --progress --color --help'
    local run='--output --data --samples --seed --dim --precision --taps --threads --max-memory --max-work --help'
    local convert='--output --lossy --external-data --external-threshold --fsync --threads --help'
    if [[ $word == = ]]; then
        word=''
    elif [[ $previous == = ]]; then
        previous=${COMP_WORDS[COMP_CWORD-2]}
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        if [[ " $commands " == *" ${COMP_WORDS[i]} "* ]]; then
            command=${COMP_WORDS[i]}
            break
        fi
    done
    case $previous in
    --leftover) mapfile -t COMPREPLY < <(compgen -W 'auto conv mul-add keep' -- "$word"); return ;;
    --check)
        local how='proof,run proof none'
        [[ $command == check ]] && how='proof,run proof'
        mapfile -t COMPREPLY < <(compgen -W "$how" -- "$word")
        return
        ;;
    --match) mapfile -t COMPREPLY < <(compgen -W 'name position' -- "$word"); return ;;
    --color) mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$word"); return ;;
    --external-data) mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$word"); return ;;
    --precision) mapfile -t COMPREPLY < <(compgen -W 'float double' -- "$word"); return ;;
    --progress) mapfile -t COMPREPLY < <(compgen -W 'auto never' -- "$word"); return ;;
    --max-u | --threads | --max-memory | --max-work | --external-threshold | --only | --skip | --samples | --seed | --dim | --rtol | --atol | --taps) return ;;
    esac
    case $command:$word in
    explain:*)
        mapfile -t COMPREPLY < <(compgen -W "$(bnfold explain 2>/dev/null | sed -n 's/^  \([a-z-]*\) .*/\1/p')" -- "$word")
        ;;
    help:*) mapfile -t COMPREPLY < <(compgen -W "fold $commands" -- "$word") ;;
    fold:-* | plan:-* | check:-* | run:-* | convert:-*) mapfile -t COMPREPLY < <(compgen -W "${!command}" -- "$word") ;;
    *)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        if ((COMP_CWORD == 1)); then
            mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$commands" -- "$word")
        fi
        ;;
    esac
}
complete -o filenames -F _bnfold bnfold
