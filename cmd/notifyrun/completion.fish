# notifyrun completion for fish: notifyrun completion fish | source
function __notifyrun_complete
    set -l words (commandline -opc)
    set -l current (string unescape -- (commandline -ct) 2>/dev/null)
    for reply in ($words[1] __complete fish $words[2..-1] "$current" 2>/dev/null)
        switch $reply
            case :files
                __fish_complete_path (string replace -r -- '^-[^=]*=' '' "$current")
            case :nospace
            case '*'
                printf '%s\n' $reply
        end
    end
end
complete -c notifyrun -f -a '(__notifyrun_complete)'
