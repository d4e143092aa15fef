package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/notifyrun/notifyrun/engine"
)

// moveJobs gives jobs other addresses. What is to go on does so under the new one;
// what is over stays on record as it was sent, and the row of the move tells up to
// where it is the past of the job of the new address.
func (s *SQLite) moveJobs(ctx context.Context, moved []engine.Moved, serial uint64, now time.Time) error {
	for _, m := range moved {
		for _, query := range []string{
			`UPDATE job SET address = ?2 WHERE address = ?1`,
			// Where the job was fired by hand or paused under its new address, that is
			// the later word.
			`UPDATE OR IGNORE revision SET job = ?2 WHERE job = ?1`,
			`DELETE FROM revision WHERE job = ?1`,
			`UPDATE OR IGNORE settled SET job = ?2 WHERE job = ?1`,
			`DELETE FROM settled WHERE job = ?1`,
			`UPDATE OR IGNORE pause SET job = ?2 WHERE job = ?1`,
			`DELETE FROM pause WHERE job = ?1`,
			`UPDATE OR IGNORE owed SET job = ?2 WHERE job = ?1`,
			`DELETE FROM owed WHERE job = ?1`,
			`UPDATE run SET job = ?2 WHERE job = ?1 AND (ended IS NULL OR id IN (SELECT run FROM owed))`,
		} {
			if _, err := s.conn.ExecContext(ctx, query, m.From, m.To); err != nil {
				return fmt.Errorf("move job %s to %s: %w", m.From, m.To, err)
			}
		}
		_, err := s.conn.ExecContext(ctx, `
			INSERT INTO moved (job, was, serial, run, missed, at)
			SELECT ?, ?, ?, coalesce((SELECT max(id) FROM run), 0), coalesce((SELECT max(id) FROM missed), 0), ?`, m.To, m.From, serial, now.UnixMicro())
		if err != nil {
			return fmt.Errorf("move job %s to %s: %w", m.From, m.To, err)
		}
	}
	return nil
}

func readMoved(ctx context.Context, q querier) (all []engine.Moved, err error) {
	err = each(ctx, q, func(rows *sql.Rows) error {
		var m engine.Moved
		err := rows.Scan(&m.From, &m.To, &m.Serial)
		all = append(all, m)
		return err
	}, `SELECT was, job, serial FROM moved ORDER BY id`)
	return all, err
}

// ofJob gives the condition by which the rows of a table are a job's: those that
// have its address, and those from before it was moved that have one of before.
// The columns are that of the address, and the row's number; limit is the column
// of moved that the latter is compared with.
func ofJob(ctx context.Context, q querier, address, job, number, limit string) (string, []any, error) {
	type name struct {
		address string
		move    int64 // by which it was left; 0: none
		row     int64 // the last one of it
	}
	names := []name{{address: address}}
	known := map[string]bool{address: true}
	for i := 0; i < len(names); i++ {
		n := names[i]
		before := int64(1<<63 - 1)
		if n.move > 0 {
			before = n.move
		}
		err := each(ctx, q, func(rows *sql.Rows) error {
			var former name
			err := rows.Scan(&former.address, &former.move, &former.row)
			if !known[former.address] {
				known[former.address] = true
				names = append(names, former)
			}
			return err
		}, `SELECT was, id, `+limit+` FROM moved WHERE job = ? AND id < ? ORDER BY id DESC`, n.address, before)
		if err != nil {
			return "", nil, err
		}
	}
	var conditions []string
	var args []any
	for _, n := range names {
		if n.move == 0 {
			conditions, args = append(conditions, job+` = ?`), append(args, n.address)
		} else {
			conditions, args = append(conditions, job+` = ? AND `+number+` <= ?`), append(args, n.address, n.row)
		}
	}
	return `(` + strings.Join(conditions, ` OR `) + `)`, args, nil
}
