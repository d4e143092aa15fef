package ledger

import (
	"context"
	"database/sql"
	"errors"
	"strings"
)

// inserterRows is how many rows go into one statement. Measured with
// BenchmarkCommit: fewer cost more calls, more cost no less.
const inserterRows = 16

// inserter inserts many rows with few statements, prepared once.
type inserter struct {
	columns   int
	many, one *sql.Stmt
}

// newInserter prepares "INSERT INTO table (columns)" for rows of that many
// columns. With "INSERT OR ROLLBACK", SQLite need not keep what would undo a
// statement alone: an error undoes the transaction anyway.
func newInserter(ctx context.Context, conn *sql.Conn, insert string, columns int) (*inserter, error) {
	row := "(?" + strings.Repeat(", ?", columns-1) + ")"
	one, err := conn.PrepareContext(ctx, insert+" VALUES "+row)
	if err != nil {
		return nil, err
	}
	many, err := conn.PrepareContext(ctx, insert+" VALUES "+row+strings.Repeat(", "+row, inserterRows-1))
	if err != nil {
		return nil, errors.Join(err, one.Close())
	}
	return &inserter{columns, many, one}, nil
}

// insert inserts rows, given as all their values one after the other.
func (i *inserter) insert(ctx context.Context, values []any) error {
	for len(values) > 0 {
		stmt, n := i.one, i.columns
		if len(values) >= n*inserterRows {
			stmt, n = i.many, n*inserterRows
		}
		if _, err := stmt.ExecContext(ctx, values[:n]...); err != nil {
			return err
		}
		values = values[n:]
	}
	return nil
}

// Close frees the statements.
func (i *inserter) Close() error { return errors.Join(i.many.Close(), i.one.Close()) }
