#compdef notifyrun
# notifyrun completion for zsh: source <(notifyrun completion zsh)
_notifyrun() {
	local reply files nospace
	local -a values shown options
	while IFS= read -r reply; do
		case $reply in
		:files) files=1 ;;
		:nospace) options=(-S '') ;;
		*)
			values+=("${reply%%$'\t'*}")
			shown+=("${reply/$'\t'/  -- }")
			;;
		esac
	done < <("${(Q)words[1]}" __complete zsh "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)
	if compset -P '-*='; then
		values=("${(@)values#-*=}")
		shown=("${(@)shown#-*=}")
	fi
	(( $#values )) && compadd -l "${options[@]}" -d shown -a values
	[[ -n $files ]] && _files
	return 0
}
if [[ $funcstack[1] == _notifyrun ]]; then
	_notifyrun "$@"
else
	compdef _notifyrun notifyrun
fi
