package refresh

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/schema"
)

// lookSingly is up to how many endpoints are asked for one by one: those whose
// contacts alone are wanted, and those that have static contacts, of which no
// list tells the status. It costs Asterisk 0.2 ms each; to list all of 20,000
// costs version 16 two seconds and version 22, which sorts them by comparing each
// with those before it, five.
const lookSingly = 1000

// names are the endpoints that the request is limited to; some is false if it is not.
func names(request schema.DataRequest) (names []string, some bool) {
	set, some := request.Args["endpoints"]
	if !some {
		return nil, false
	}
	for it := set.ElementIterator(); it.Next(); {
		if _, v := it.Element(); !v.IsNull() {
			names = append(names, v.AsString())
		}
	}
	return names, true
}

// contacts reads where NOTIFYs to endpoints go. What a phone registered for an AOR
// that no endpoint has any more is left out: nothing goes there.
func (r *reader) contacts(ctx context.Context) (*schema.PJSIPContacts, error) {
	wanted, some := names(r.request)
	rows, err := []schema.PJSIPContact(nil), errors.New("not asked for")
	if some && len(wanted) <= lookSingly {
		if rows, err = r.contactsSingly(ctx, wanted); err != nil && (!refusal(err) || forbidden(err)) {
			return nil, err
		}
	}
	if err != nil { // also where one endpoint cannot be shown, such as for want of its transport
		if rows, err = r.contactsByLists(ctx, wanted, some); err != nil {
			return nil, err
		}
	}
	count := map[string]int{}
	for _, c := range rows {
		count[c.Endpoint]++
	}
	for i := range rows {
		rows[i].ContactCount = count[rows[i].Endpoint]
	}
	slices.SortFunc(rows, func(a, b schema.PJSIPContact) int {
		return cmp.Or(cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.AOR, b.AOR), cmp.Compare(a.URI, b.URI))
	})
	if rows == nil {
		rows = []schema.PJSIPContact{}
	}
	return &schema.PJSIPContacts{Contacts: rows}, nil
}

// contactsSingly asks for each endpoint.
func (r *reader) contactsSingly(ctx context.Context, endpoints []string) ([]schema.PJSIPContact, error) {
	found := make([][]amiclient.Contact, len(endpoints))
	err := r.each(ctx, len(endpoints), func(ctx context.Context, i int) error {
		d, err := amiclient.PJSIPShowEndpoint{Endpoint: endpoints[i]}.Do(ctx, r.on)
		if errors.Is(err, amiclient.ErrUnknownEndpoint) {
			return r.row(len(endpoints))
		}
		found[i] = d.Contacts
		return cmp.Or(err, r.row(len(endpoints)))
	})
	if err != nil {
		return nil, err
	}
	var rows []schema.PJSIPContact
	for i, contacts := range found {
		for _, c := range contacts {
			row := schema.PJSIPContact{Endpoint: text(endpoints[i]), AOR: text(c.AOR), URI: text(c.URI)}
			r.fill(&row, &c)
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// fill adds what the server tells of a contact.
func (r *reader) fill(row *schema.PJSIPContact, c *amiclient.Contact) {
	status := r.word(string(c.Status))
	row.Status, row.RTT, row.Static = &status, milliseconds(c.RoundTrip), c.Static
	if c.Static {
		return
	}
	row.UserAgent, row.ViaAddress, row.RegExpire = r.word(c.UserAgent), text(c.Via), instant(c.Expires)
	row.CallID, row.Path = text(c.CallID), r.word(c.Path)
}

// contactsByLists asks for all endpoints, and for what phones have registered. The
// first list says which contacts each endpoint has, static ones among them, the
// second all about those that are not static.
func (r *reader) contactsByLists(ctx context.Context, wanted []string, some bool) ([]schema.PJSIPContact, error) {
	only := make(map[string]bool, len(wanted))
	for _, name := range wanted {
		only[name] = true
	}
	var rows []schema.PJSIPContact
	at := map[amiclient.ContactURI][]int{}
	having := map[string][]string{} // the endpoints that have an AOR
	for e, err := range bounded((amiclient.PJSIPShowEndpoints{}).List(ctx, r.on)) {
		if err != nil {
			return nil, err
		}
		if some && !only[e.Name] {
			continue
		}
		name := text(e.Name)
		for _, aor := range e.AORs {
			if others := having[aor]; len(others) == 0 || others[len(others)-1] != name { // else it names the AOR twice
				having[strings.Clone(aor)] = append(others, name)
			}
		}
		for _, c := range e.Contacts {
			if last := at[c]; len(last) > 0 && rows[last[len(last)-1]].Endpoint == name {
				continue // an AOR that it names twice
			}
			if err := r.row(0); err != nil {
				return nil, err
			}
			key := amiclient.ContactURI{AOR: strings.Clone(c.AOR), URI: strings.Clone(c.URI)}
			at[key] = append(at[key], len(rows))
			rows = append(rows, schema.PJSIPContact{Endpoint: name, AOR: text(key.AOR), URI: text(key.URI)})
		}
	}
	told, total := make([]bool, len(rows)), len(rows) // by row: whether it is filled
	r.begin()
	for c, err := range r.registered(ctx) {
		if err != nil {
			return nil, err
		}
		if err := r.row(total); err != nil {
			return nil, err
		}
		places, known := at[amiclient.ContactURI{AOR: c.AOR, URI: c.URI}]
		if !known { // it has registered in between
			for _, endpoint := range having[c.AOR] {
				places = append(places, len(rows))
				rows = append(rows, schema.PJSIPContact{Endpoint: endpoint, AOR: text(c.AOR), URI: text(c.URI)})
				told = append(told, false)
			}
			if len(rows) > maxRows {
				return nil, errTooMany
			}
		}
		for _, i := range places {
			r.fill(&rows[i], &c)
			told[i] = true
		}
	}
	return r.static(ctx, rows, told)
}

// registered lists what phones have registered, also of servers before Asterisk 16.
func (r *reader) registered(ctx context.Context) iter.Seq2[amiclient.Contact, error] {
	return func(yield func(amiclient.Contact, error) bool) {
		for c, err := range (amiclient.PJSIPShowContacts{}).List(ctx, r.on) {
			if errors.Is(err, amiclient.ErrUnknownAction) {
				amiclient.PJSIPShowRegistrationInboundContactStatuses{}.List(ctx, r.on)(yield)
				return
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

// static asks for the contacts that are on no list of registrations. Those that
// are gone by now had registered.
func (r *reader) static(ctx context.Context, rows []schema.PJSIPContact, told []bool) ([]schema.PJSIPContact, error) {
	at := map[string][]int{}
	var endpoints []string
	for i := range rows {
		if told[i] {
			continue
		}
		rows[i].Static = true
		name := rows[i].Endpoint
		if at[name] == nil {
			endpoints = append(endpoints, name)
		}
		at[name] = append(at[name], i)
	}
	if len(endpoints) == 0 || len(endpoints) > lookSingly {
		return rows, nil
	}
	found := make([][]amiclient.Contact, len(endpoints))
	known := make([]bool, len(endpoints))
	r.begin()
	err := r.each(ctx, len(endpoints), func(ctx context.Context, i int) error {
		d, err := amiclient.PJSIPShowEndpoint{Endpoint: endpoints[i]}.Do(ctx, r.on)
		switch {
		case err == nil, errors.Is(err, amiclient.ErrUnknownEndpoint):
			found[i], known[i] = d.Contacts, true
		case !refusal(err):
			return err
		}
		return r.row(len(endpoints))
	})
	if err != nil {
		return nil, err
	}
	gone := map[int]bool{}
	for i, name := range endpoints {
		if !known[i] {
			continue
		}
		for _, row := range at[name] {
			k := slices.IndexFunc(found[i], func(c amiclient.Contact) bool {
				return text(c.AOR) == rows[row].AOR && text(c.URI) == rows[row].URI
			})
			if k < 0 {
				gone[row] = true
				continue
			}
			r.fill(&rows[row], &found[i][k])
		}
	}
	if len(gone) == 0 {
		return rows, nil
	}
	left := rows[:0]
	for i, row := range rows {
		if !gone[i] {
			left = append(left, row)
		}
	}
	return left, nil
}
