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
func newInsertion(insert string, columns int) insertion {
	row := "(?" + strings.Repeat(", ?", columns-1) + ")"
	one := insert + " VALUES " + row
	return insertion{columns, one, one + strings.Repeat(", "+row, insertionRows-1)}
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
