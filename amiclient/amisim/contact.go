package amisim

import (
	"crypto/md5"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// contact is an address of a phone, and what PJSIP knows of it.
type contact struct {
	uri     string
	callID  string // of the REGISTER that made it: neither a refresh nor a reboot on the same port changes it
	expires time.Time
	status  string // nonQualified, reachable or unreachable
	usec    int    // the round trip of the OPTIONS that found it reachable
}

// The status of a contact, and what a ContactStatus event says when it goes.
const (
	nonQualified = "NonQualified"
	reachable    = "Reachable"
	unreachable  = "Unreachable"
	removed      = "Removed"
)

// roundTrip is RoundtripUsec as the lists have it.
func (n *contact) roundTrip() string {
	if n.status != reachable {
		return "N/A"
	}
	return strconv.Itoa(n.usec)
}

// epoch is when a contact expires; those of pjsip.conf never do.
func (n *contact) epoch() string {
	if n.expires.IsZero() {
		return "0"
	}
	return strconv.FormatInt(n.expires.Unix(), 10)
}

// id names a contact: ";@" is one that registered, "@@" one of pjsip.conf.
func (n *contact) id(p *phone) string {
	sign := ";@"
	if p.Static {
		sign = "@@"
	}
	return fmt.Sprintf("%s%s%x", p.Name, sign, md5.Sum([]byte(n.uri)))
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

// seconds writes a qualify_timeout with so many decimals: lists have six, ContactStatusDetail three.
func seconds(d time.Duration, decimals int) string {
	return strconv.FormatFloat(d.Seconds(), 'f', decimals, 64)
}

// without leaves out a header that version 16 has not.
func (v Version) without16(name string, headers []Header) []Header {
	if v.Major22 {
		return headers
	}
	return slices.DeleteFunc(headers, func(h Header) bool { return h.Name == name })
}

// runPJSIPShowContacts lists the contacts that phones have registered: those of pjsip.conf are not among them
// (res/res_pjsip/pjsip_options.c: format_ami_contactlist_handler).
func (c *session) runPJSIPShowContacts(r *request) {
	items := 0
	for p, n := range c.server.registered() {
		if items++; items == 1 {
			c.startList(r, "A listing of Contacts follows, presented as ContactList events")
		}
		host, port := address(n.uri)
		c.item(r, "ContactList", c.server.config.Version.without16("Qualify2xxOnly", []Header{
			{"ObjectType", "contact"}, {"ObjectName", n.id(p)}, {"ViaAddr", host}, {"QualifyTimeout", seconds(p.QualifyTimeout, 6)}, {"Qualify2xxOnly", "false"},
			{"CallId", n.callID}, {"RegServer", ""}, {"PruneOnBoot", "no"}, {"Path", ""}, {"Endpoint", p.Name}, {"ViaPort", port}, {"AuthenticateQualify", "no"},
			{"Uri", n.uri}, {"QualifyFrequency", seconds(p.QualifyFrequency, 0)}, {"UserAgent", p.UserAgent}, {"ExpirationTime", n.epoch()}, {"OutboundProxy", ""},
			{"Status", n.status}, {"RoundtripUsec", n.roundTrip()},
		}))
	}
	if items == 0 {
		c.fail(r, "No Contacts found\n")
		return
	}
	c.endList(r, "ContactListComplete", items)
}

// registered yields all contacts that phones have registered.
func (s *Server) registered() func(yield func(*phone, *contact) bool) {
	return func(yield func(*phone, *contact) bool) {
		phones := s.listed()
		for i := range phones {
			for k := range phones[i].contacts {
				if !phones[i].Static && !yield(&phones[i], &phones[i].contacts[k]) {
					return
				}
			}
		}
	}
}

// res/res_pjsip_registrar.c would call it; an empty list is a list here.
func (c *session) runPJSIPShowRegistrationInboundContactStatuses(r *request) {
	c.startList(r, "Following are ContactStatusEvents for each Inbound registration")
	items := 0
	for p, n := range c.server.registered() {
		c.contactStatusDetail(r, p, n)
		items++
	}
	c.endList(r, "ContactStatusDetailComplete", items)
}

func (c *session) contactStatusDetail(r *request, p *phone, n *contact) {
	list := []Header{{"AOR", p.Name}, {"URI", n.uri}}
	if p.Static {
		list = append(list, Header{"UserAgent", ""}, Header{"RegExpire", "0"})
	} else {
		host, port := address(n.uri)
		list = append(list, Header{"UserAgent", p.UserAgent}, Header{"RegExpire", n.epoch()}, Header{"ViaAddress", host + ":" + port}, Header{"CallID", n.callID})
	}
	list = append(list, []Header{
		{"Status", n.status}, {"RoundtripUsec", n.roundTrip()}, {"EndpointName", p.Name}, {"ID", n.id(p)}, {"AuthenticateQualify", "0"}, {"OutboundProxy", ""},
		{"Path", ""}, {"QualifyFrequency", seconds(p.QualifyFrequency, 0)}, {"QualifyTimeout", seconds(p.QualifyTimeout, 3)}, {"Qualify2xxOnly", "0"},
	}...)
	c.item(r, "ContactStatusDetail", c.server.config.Version.without16("Qualify2xxOnly", list))
}

// res/res_pjsip/pjsip_options.c: ami_sip_qualify. Unlike PJSIPShowEndpoint, it does not take the driver's name before the
// endpoint's.
func (c *session) runPJSIPQualify(r *request) {
	name := r.get("Endpoint")
	if name == "" {
		c.fail(r, "Endpoint parameter missing.")
		return
	}
	p := c.server.phone(name)
	switch {
	case p == nil:
		c.fail(r, "Unable to retrieve endpoint\n")
	case p.NoAOR:
		c.fail(r, "No AoRs configured for endpoint\n")
	default:
		c.ack(r, "Endpoint found, will qualify")
		c.after = append(c.after, func() { c.server.qualify(p) })
	}
}
