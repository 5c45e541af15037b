# bash completion of condor-kvm-stage-genconfig(8): its options, and directories after --root

_condor_kvm_stage_genconfig() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    # bash splits at `=`: --root=DIR is three words
    if [[ $word == = ]]; then
        word=
    elif [[ $before == = ]]; then
        before=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    COMPREPLY=()
    if [[ $before == --root ]]; then
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -d -- "$word")
    elif [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "--apply --check --diff --help --json --quiet --remove --root --stdout \
            --verbose --version --write" -- "$word")
    fi
}

complete -F _condor_kvm_stage_genconfig condor-kvm-stage-genconfig
