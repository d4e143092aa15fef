package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// check is something that holds in every whole state. Its query selects what
// contradicts it, one name a row.
type check struct{ wrong, query string }

// briefChecks cost what is open or in force, however much history there is. Open
// does them for whoever writes.
var briefChecks = []check{
	{"the table state has not one row", `SELECT count(*) FROM state HAVING count(*) <> 1`},
	{"deliveries of runs that are not open are in flight", `
		SELECT coalesce(r.ulid, 'number ' || c.run) FROM claim c LEFT JOIN run r ON r.id = c.run
		WHERE r.id IS NULL OR r.ended IS NOT NULL`},
	{"deliveries are in flight that the run does not have", `
		SELECT r.ulid FROM claim c JOIN run r ON r.id = c.run
		WHERE c.first < 0 OR c.last < c.first OR c.last >= r.total OR c.n < 1`},
	{"jobs go by a configuration that is not there", `
		SELECT address FROM job WHERE snapshot IS NOT NULL AND snapshot NOT IN (SELECT serial FROM snapshot)`},
	{"configurations are from after the last publication", `
		SELECT serial FROM snapshot WHERE serial > (SELECT serial FROM state)`},
	{"runs are waited for and not there", `
		SELECT 'number ' || run FROM barrier WHERE run NOT IN (SELECT id FROM run)`},
	{"runs are waited for and by none that is open", `
		SELECT 'number ' || run FROM barrier b WHERE NOT EXISTS (SELECT 1 FROM run r WHERE r.barrier = b.id AND r.barrier IS NOT NULL AND r.ended IS NULL)`},
	{"open runs wait for none", `
		SELECT ulid FROM run WHERE barrier IS NOT NULL AND ended IS NULL AND barrier NOT IN (SELECT id FROM barrier)`},
	{"runs are owed to after triggers and not there", `
		SELECT 'number ' || run FROM owed WHERE run NOT IN (SELECT id FROM run)`},
}

// fullChecks cost what the state is large.
var fullChecks = []check{
	{"runs have not as many deliveries as they say", `
		SELECT ulid FROM run r WHERE (total, total - 1) <> (SELECT count(*), max(seq) FROM delivery d WHERE d.run = r.id)`},
	{"runs have attempts of deliveries that they do not have", `
		SELECT ulid FROM run r WHERE EXISTS (SELECT 1 FROM attempt a WHERE a.run = r.id AND NOT seq BETWEEN 0 AND total - 1)`},
	{"deliveries are of no run", `
		SELECT DISTINCT 'number ' || run FROM delivery d
		WHERE NOT EXISTS (SELECT 1 FROM run r WHERE r.id = d.run) AND NOT EXISTS (SELECT 1 FROM pruned p WHERE p.run = d.run)`},
	{"attempts are of no run", `
		SELECT DISTINCT 'number ' || run FROM attempt a
		WHERE NOT EXISTS (SELECT 1 FROM run r WHERE r.id = a.run) AND NOT EXISTS (SELECT 1 FROM pruned p WHERE p.run = a.run)`},
	{"deliveries have a message that is not there", `
		SELECT DISTINCT 'number ' || run FROM delivery WHERE message IS NOT NULL AND message NOT IN (SELECT id FROM message)`},
	{"runs have ended without counts, or have counts and not ended", `
		SELECT ulid FROM run WHERE (ended IS NULL) <> (outcomes IS NULL) OR NOT json_valid(coalesce(outcomes, '{}'))`},
	{"runs have ended with other counts than deliveries", `
		SELECT ulid FROM run WHERE json_valid(outcomes) AND total <> (SELECT total(value) FROM json_each(outcomes))`},
	{"runs have a cause that cannot be read", `
		SELECT ulid FROM run WHERE cause_rest <> '' AND NOT json_valid(cause_rest)`},
}

// contradiction tells what of some checks does not hold.
func contradiction(ctx context.Context, q querier, checks []check) error {
	for _, c := range checks {
		var names []string
		err := each(ctx, q, func(rows *sql.Rows) error {
			var name string
			err := rows.Scan(&name)
			names = append(names, name)
			return err
		}, c.query+` LIMIT 3`)
		if err != nil {
			return err
		}
		if len(names) > 0 {
			return fmt.Errorf("%s (%s): %w", c.wrong, strings.Join(names, ", "), ErrDamaged)
		}
	}
	return nil
}

// Check reads the whole state and tells whether it is whole: the file as SQLite
// sees it, and what is in it as we do. With full, indexes are compared with
// their tables too, which takes some times as long. Others may write meanwhile.
// The error names what is wrong and wraps ErrDamaged.
func (s *SQLite) Check(ctx context.Context, full bool) error {
	if s.read == nil {
		return nil
	}
	pragma := `PRAGMA quick_check(3)`
	if full {
		pragma = `PRAGMA integrity_check(3)`
	}
	err := s.view(ctx, func(q querier) error {
		var wrong []string
		err := each(ctx, q, func(rows *sql.Rows) error {
			var line string
			err := rows.Scan(&line)
			if line != "ok" {
				wrong = append(wrong, line)
			}
			return err
		}, pragma)
		if err != nil {
			return err
		}
		if len(wrong) > 0 {
			return fmt.Errorf("%s: %w", strings.Join(wrong, "; "), ErrDamaged)
		}
		if err := contradiction(ctx, q, briefChecks); err != nil {
			return err
		}
		return contradiction(ctx, q, fullChecks)
	})
	if err != nil {
		return fmt.Errorf("check state %s: %w", s.path, err)
	}
	return nil
}
