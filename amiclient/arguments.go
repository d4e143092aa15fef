package amiclient

// cutArguments takes text apart as Asterisk does with the arguments of an
// application and the value of a Variable header (main/app.c:
// __ast_app_separate_args): at commas outside quotes, parentheses and brackets,
// quotes and escaping backslashes removed. What follows the first limit pieces
// stays one, raw.
//
// marks are the places in the piece where a quote or an escape stood, in order;
// of one that stayed raw it is the beginning. piece and marks are add's for the
// call alone.
func cutArguments(text string, limit int, add func(piece []byte, marks []int)) {
	var (
		piece               = make([]byte, 0, len(text))
		marks               []int
		pieces              int
		quoted              bool
		parentheses, square int
	)
	for i := 0; i < len(text); i++ {
		b := text[i]
		switch {
		case b == '"' || b == '\\':
			marks = append(marks, len(piece))
			if b == '"' {
				quoted = !quoted
			} else if i++; i < len(text) {
				piece = append(piece, text[i])
			}
			continue
		case b == '(':
			parentheses++
		case b == ')' && parentheses > 0:
			parentheses--
		case b == '[':
			square++
		case b == ']' && square > 0:
			square--
		case b == ',' && !quoted && parentheses == 0 && square == 0:
			add(piece, marks)
			piece, marks = piece[:0], marks[:0]
			if pieces++; pieces == limit {
				add([]byte(text[i+1:]), []int{0})
				return
			}
			continue
		}
		piece = append(piece, b)
	}
	add(piece, marks)
}
