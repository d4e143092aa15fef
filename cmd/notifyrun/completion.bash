# notifyrun completion for bash: source <(notifyrun completion bash)
_notifyrun() {
	local reply
	COMPREPLY=()
	while IFS= read -r reply; do
		case $reply in
		:files) compopt -o default ;;
		:nospace) compopt -o nospace ;;
		*) COMPREPLY+=("$reply") ;;
		esac
	done < <("${1/#\~/$HOME}" __complete bash "$1" "$COMP_WORDBREAKS" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
}
complete -F _notifyrun notifyrun
