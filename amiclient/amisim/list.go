package amisim

import (
	"crypto/md5"
	"fmt"
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
func (c *session) activeChannels(p *phone) Header {
	switch {
	case !c.server.config.Version.Major22:
		return Header{"ActiveChannels", ""}
	case strings.Contains(p.state(), "INUSE") && p.state() != "NOT_INUSE":
		return Header{"ActiveChannels", "1"}
	}
	return Header{"ActiveChannels", "0"}
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
		contacts := ""
		for _, uri := range p.contacts {
			contacts += p.Name + "/" + uri + ","
		}
		c.item(r, "EndpointList", []Header{
			{"ObjectType", "endpoint"}, {"ObjectName", p.Name}, {"Transport", ""}, {"Aor", p.Name}, {"Auths", ""}, {"OutboundAuths", ""},
			{"Contacts", contacts}, {"DeviceState", p.stateWords()}, c.activeChannels(p),
		})
	}
	c.endList(r, "EndpointListComplete", len(phones))
}

// runPJSIPShowEndpoint writes the headers that tell something here; a real server lists a hundred options more.
func (c *session) runPJSIPShowEndpoint(r *request) {
	name := r.get("Endpoint")
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
	c.startList(r, "Following are Events for each object associated with the Endpoint")
	c.item(r, "EndpointDetail", []Header{
		{"ObjectType", "endpoint"}, {"ObjectName", name}, {"Aors", name}, {"Context", "default"}, {"Auth", ""}, {"OutboundAuth", ""},
		{"DeviceState", p.stateWords()}, c.activeChannels(&p),
	})
	items := 2 + len(p.contacts)
	if p.Password != "" {
		items++
		c.item(r, "AuthDetail", []Header{
			{"ObjectType", "auth"}, {"ObjectName", name}, {"Username", name}, {"AuthType", "userpass"}, {"Password", p.Password}, {"EndpointName", name},
		})
	}
	contacts, registered := make([]string, len(p.contacts)), len(p.contacts)
	for i, uri := range p.contacts {
		contacts[i] = name + "/" + uri
	}
	if p.Static {
		registered = 0
	}
	c.item(r, "AorDetail", []Header{
		{"ObjectType", "aor"}, {"ObjectName", name}, {"Contacts", strings.Join(contacts, ",")}, {"QualifyFrequency", "0"},
		{"TotalContacts", fmt.Sprint(len(contacts))}, {"ContactsRegistered", fmt.Sprint(registered)}, {"EndpointName", name},
	})
	for _, uri := range p.contacts {
		expire, agent := "1893456000", p.UserAgent
		if p.Static {
			expire, agent = "0", ""
		}
		c.item(r, "ContactStatusDetail", []Header{
			{"AOR", name}, {"URI", uri}, {"UserAgent", agent}, {"RegExpire", expire}, {"Status", "NonQualified"}, {"RoundtripUsec", "N/A"},
			{"EndpointName", name}, {"ID", contactID(&p, uri)}, {"AuthenticateQualify", "0"}, {"OutboundProxy", ""}, {"Path", ""},
			{"QualifyFrequency", "0"}, {"QualifyTimeout", "3.000"},
		})
	}
	c.endList(r, "EndpointDetailComplete", items)
}

// contactID names a contact: ";@" is one that registered, "@@" one of pjsip.conf.
func contactID(p *phone, uri string) string {
	sign := ";@"
	if p.Static {
		sign = "@@"
	}
	return fmt.Sprintf("%s%s%x", p.Name, sign, md5.Sum([]byte(uri)))
}

func (c *session) runPJSIPShowContacts(r *request) {
	type contact struct {
		p   *phone
		uri string
	}
	var contacts []contact
	phones := c.server.listed()
	for i := range phones {
		for _, uri := range phones[i].contacts {
			if !phones[i].Static {
				contacts = append(contacts, contact{&phones[i], uri})
			}
		}
	}
	if len(contacts) == 0 {
		c.fail(r, "No Contacts found\n")
		return
	}
	c.startList(r, "A listing of Contacts follows, presented as ContactList events")
	for _, n := range contacts {
		c.item(r, "ContactList", []Header{
			{"ObjectType", "contact"}, {"ObjectName", contactID(n.p, n.uri)}, {"Endpoint", n.p.Name}, {"Uri", n.uri},
			{"ExpirationTime", "1893456000"}, {"UserAgent", n.p.UserAgent}, {"QualifyFrequency", "0"}, {"Status", "NonQualified"}, {"RoundtripUsec", "N/A"},
		})
	}
	c.endList(r, "ContactListComplete", len(contacts))
}

// address splits a contact into host and port.
func address(uri string) (host, port string) {
	_, rest, _ := strings.Cut(uri, ":")
	if _, after, found := strings.Cut(rest, "@"); found {
		rest = after
	}
	rest, _, _ = strings.Cut(rest, ";")
	host, port, found := strings.Cut(rest, ":")
	if !found {
		port = "5060"
	}
	return host, port
}

func (c *session) runSIPpeers(r *request) {
	c.startList(r, "Peer status list will follow")
	phones := c.server.listed()
	for i := range phones {
		p := &phones[i]
		host, port, dynamic := "-none-", "0", "yes"
		if len(p.contacts) > 0 {
			host, port = address(p.contacts[0])
		}
		if p.Static {
			dynamic = "no"
		}
		c.item(r, "PeerEntry", []Header{
			{"Channeltype", "SIP"}, {"ObjectName", p.Name}, {"ChanObjectType", "peer"}, {"IPaddress", host}, {"IPport", port}, {"Dynamic", dynamic},
			{"AutoForcerport", "yes"}, {"Forcerport", "no"}, {"AutoComedia", "no"}, {"Comedia", "no"}, {"VideoSupport", "no"}, {"TextSupport", "no"},
			{"ACL", "no"}, {"Status", "Unmonitored"}, {"RealtimeDevice", "no"}, {"Description", ""}, {"Accountcode", ""},
		})
	}
	c.endList(r, "PeerlistComplete", len(phones))
}

func (c *session) runSIPshowpeer(r *request) {
	name := r.get("Peer")
	if name == "" {
		c.fail(r, "Peer: <name> missing.")
		return
	}
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	p := c.server.phones[name]
	if p == nil {
		c.fail(r, "Peer "+name+" not found.\r\n") // an empty message follows
		return
	}
	host, port, contact, expire, agent := "(null)", "0", "", "-1 seconds", ""
	if len(p.contacts) > 0 {
		host, port = address(p.contacts[0])
		if !p.Static {
			contact, expire, agent = p.contacts[0], "3600 seconds", p.UserAgent
		}
	}
	c.respond(r, "Success")
	for _, h := range []Header{
		{"Channeltype", "SIP"}, {"ObjectName", name}, {"ChanObjectType", "peer"}, {"RegExpire", expire},
		{"Address-IP", host}, {"Address-Port", port}, {"Status", "Unmonitored"}, {"SIP-Useragent", agent}, {"Reg-Contact", contact},
	} {
		c.put(h.Name, h.Value)
	}
	c.blank()
}

func (c *session) runDeviceStateList(r *request) {
	c.startList(r, "Device State Changes will follow")
	phones := c.server.listed()
	for i := range phones {
		c.item(r, "DeviceStateChange", []Header{{"Device", "PJSIP/" + phones[i].Name}, {"State", phones[i].state()}})
	}
	c.endList(r, "DeviceStateListComplete", len(phones))
}
