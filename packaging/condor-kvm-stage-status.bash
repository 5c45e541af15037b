# bash completion of condor-kvm-stage-status(8): its options, and files after --metrics

_condor_kvm_stage_status() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    # bash splits at `=`: --metrics=FILE is three words
    if [[ $word == = ]]; then
        word=
    elif [[ $before == = ]]; then
        before=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    COMPREPLY=()
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "--help --json --metrics --version" -- "$word")
    elif [[ $before == --metrics ]]; then
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
}

complete -F _condor_kvm_stage_status condor-kvm-stage-status
