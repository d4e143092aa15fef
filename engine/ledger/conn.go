package ledger

import (
	"context"
	"database/sql"
	"errors"
	"strings"
)

// conn is the connection that writes. It prepares each statement once: parsing
// one costs more than running it. Its users take turns.
type conn struct {
	*sql.Conn
	prepared map[string]*sql.Stmt
}

func (c *conn) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt, ok := c.prepared[query]; ok {
		return stmt, nil
	}
	stmt, err := c.PrepareContext(ctx, query)
	if err == nil {
		c.prepared[query] = stmt
	}
	return stmt, err
}

// ExecContext is sql.Conn's, prepared.
func (c *conn) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	stmt, err := c.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

// QueryContext is sql.Conn's, prepared.
func (c *conn) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, err := c.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

// QueryRowContext is sql.Conn's, prepared.
func (c *conn) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	stmt, err := c.prepare(ctx, query)
	if err != nil {
		return c.Conn.QueryRowContext(ctx, query, args...) // which finds the same error
	}
	return stmt.QueryRowContext(ctx, args...)
}

// Close closes the statements too: while one is open, the file is.
func (c *conn) Close() error {
	var errs []error
	for _, stmt := range c.prepared {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(append(errs, c.Conn.Close())...)
}

// insertion inserts many rows with few statements.
type insertion struct {
	columns   int
	one, many string
}

// insertionRows is how many rows go into one statement. Measured with
// BenchmarkCommit: fewer cost more calls; more cost more too, since the driver
// seeks each value among all those of the statement.
const insertionRows = 5

// newInsertion makes the statements for rows of that many columns. With
// "INSERT OR ROLLBACK", SQLite need not keep what would undo a statement
// alone: an error undoes the transaction anyway.
func newInsertion(insert string, columns int) insertion { return newUpsert(insert, columns, "") }

// newUpsert does so with what is to be done where a row is there already.
func newUpsert(insert string, columns int, conflict string) insertion {
	row := "(?" + strings.Repeat(", ?", columns-1) + ")"
	one := insert + " VALUES " + row
	return insertion{columns, one + conflict, one + strings.Repeat(", "+row, insertionRows-1) + conflict}
}

// rows collects the values of rows and inserts them a statement at a time, so
// that those of a long run need not all be there at once.
type rows struct {
	insertion
	values []any
}

func (i insertion) collect() *rows {
	return &rows{i, make([]any, 0, i.columns*insertionRows)}
}

// add takes the values of one row.
func (r *rows) add(ctx context.Context, c *conn, values ...any) error {
	r.values = append(r.values, values...)
	if len(r.values) < r.columns*insertionRows {
		return nil
	}
	return r.flush(ctx, c)
}

// flush inserts what is left.
func (r *rows) flush(ctx context.Context, c *conn) error {
	err := r.run(ctx, c, r.values)
	r.values = r.values[:0]
	return err
}

// run inserts rows, given as all their values one after the other.
func (i insertion) run(ctx context.Context, c *conn, values []any) error {
	for len(values) > 0 {
		query, n := i.one, i.columns
		if len(values) >= n*insertionRows {
			query, n = i.many, n*insertionRows
		}
		if _, err := c.ExecContext(ctx, query, values[:n]...); err != nil {
			return err
		}
		values = values[n:]
	}
	return nil
}
