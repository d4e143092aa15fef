package amisim

import (
	"strconv"
	"strings"
)

// listed returns copies of all phones, in the server's order.
func (s *Server) listed() []phone {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]phone, len(s.names))
	for i, name := range s.names {
		list[i] = *s.phones[name]
	}
	return list
}

// activeChannels is how many calls a phone has; version 16 leaves the value empty, always.
func (v Version) activeChannels(p *phone) string {
	switch state := p.state(); {
	case !v.Major22:
		return ""
	case p.calls[line("PJSIP")] > 0:
		return strconv.Itoa(p.calls[line("PJSIP")])
	case strings.Contains(state, "INUSE") && state != "NOT_INUSE":
		return "1"
	}
	return "0"
}

// auth is the name of a phone's auth section, as of its AOR: that of the endpoint.
func (p *phone) auth() string {
	if p.Password == "" {
		return ""
	}
	return p.Name
}

func (p *phone) aor() string {
	if p.NoAOR {
		return ""
	}
	return p.Name
}

func (c *session) runPJSIPShowEndpoints(r *request) {
	phones := c.server.listed()
	if len(phones) == 0 {
		c.fail(r, "No endpoints found\n")
		return
	}
	c.startList(r, "A listing of Endpoints follows, presented as EndpointList events")
	for i := range phones {
		p := &phones[i]
		headers := []Header{
			{"ObjectType", "endpoint"}, {"ObjectName", p.Name}, {"Transport", ""}, {"Aor", p.aor()}, {"Auths", p.auth()}, {"OutboundAuths", ""},
		}
		if !p.NoAOR { // there is one Contacts header for each AOR
			contacts := ""
			for _, n := range p.contacts {
				contacts += p.Name + "/" + n.uri + ","
			}
			headers = append(headers, Header{"Contacts", contacts})
		}
		c.item(r, "EndpointList", append(headers,
			Header{"DeviceState", p.stateWords()}, Header{"ActiveChannels", c.server.config.Version.activeChannels(p)}))
	}
	c.endList(r, "EndpointListComplete", len(phones))
}

// res/res_pjsip/pjsip_configuration.c: ami_show_endpoint. The driver's name may stand before the endpoint's.
func (c *session) runPJSIPShowEndpoint(r *request) {
	name := trimPrefixFold(r.get("Endpoint"), "pjsip/")
	if name == "" {
		c.fail(r, "PJSIPShowEndpoint requires an endpoint name\n")
		return
	}
	c.server.mu.Lock()
	known := c.server.phones[name]
	var p phone
	if known != nil {
		p = *known
	}
	c.server.mu.Unlock()
	if known == nil {
		c.fail(r, "Unable to retrieve endpoint "+name+"\n")
		return
	}
	contacts, total, most := make([]string, len(p.contacts)), strconv.Itoa(len(p.contacts)), "3"
	for i, n := range p.contacts {
		contacts[i] = name + "/" + n.uri
	}
	registered := total
	if p.Static {
		registered, most = "0", "0"
	}
	fields := map[string]string{
		"name": name, "aors": p.aor(), "auth": p.auth(), "password": p.Password, "state": p.stateWords(), "channels": c.server.config.Version.activeChannels(&p),
		"contacts": strings.Join(contacts, ","), "total": total, "registered": registered, "max": most,
		"frequency": seconds(p.QualifyFrequency, 0), "timeout": seconds(p.QualifyTimeout, 6),
	}
	c.startList(r, "Following are Events for each object associated with the Endpoint")
	items := 0
	show := func(event, file string) {
		c.item(r, event, c.server.details[file].headers(fields))
		items++
	}
	show("EndpointDetail", "endpoint")
	if p.Password != "" {
		show("AuthDetail", "auth")
	}
	if !p.NoAOR {
		show("AorDetail", "aor")
	}
	for i := range p.contacts {
		c.contactStatusDetail(r, &p, &p.contacts[i])
		items++
	}
	c.endList(r, "EndpointDetailComplete", items)
}
