package amitest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// modules that a server loads, where its build has them; no more, so that it boots in a quarter of a second.
var modules = strings.Fields(`
	pbx_config app_userevent app_echo app_dial bridge_simple res_timing_timerfd codec_ulaw
	app_voicemail res_sorcery_astdb res_sorcery_config res_sorcery_memory
	res_pjproject res_pjsip res_pjsip_pubsub res_pjsip_session res_pjsip_notify res_pjsip_registrar
	res_pjsip_authenticator_digest res_pjsip_outbound_authenticator_digest
	res_pjsip_endpoint_identifier_user res_pjsip_endpoint_identifier_ip
	res_pjsip_sdp_rtp res_rtp_asterisk chan_pjsip res_manager_devicestate chan_sip`)

// ariModules are those that a server with ARI loads as well, where its build has them.
var ariModules = strings.Fields(`
	res_http_websocket res_websocket_client res_stasis res_stasis_recording res_stasis_playback res_stasis_snoop res_stasis_answer
	res_ari_model res_ari res_ari_applications res_ari_events res_ari_channels app_stasis`)

// empty files that only keep the log free of errors.
var emptyFiles = strings.Fields(`cdr cel stasis sorcery pjproject rtp features indications codecs acl udptl extconfig
	users ccss cli cli_aliases dnsmgr dsp websocket_client http ari sip_notify voicemail`)

// extensions.conf: hold is a call that stays, say a user event by the dialplan, the hints are states that can be listed.
const extensions = `[default]
exten => hold,1,Answer()
 same => n,Echo()
exten => say,1,UserEvent(Said,Phone: 101,Site:hq)
exten => 1001,hint,PJSIP/1001
exten => dynamic,hint,PJSIP/dynamic
`

// configure writes the server's configuration directory and chooses its ports.
func (a *Asterisk) configure(root string, config AsteriskConfig) error {
	var ports [5]int
	for i := range ports {
		port, err := freePort()
		if err != nil {
			return fmt.Errorf("find a free port: %w", err)
		}
		ports[i] = port
	}
	ami, amiTLS, sip, chanSIP, ari := ports[0], ports[1], ports[2], ports[3], ports[4]
	local := func(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
	a.Addr, a.TLSAddr, a.SIPAddr, a.ChanSIPAddr = local(ami), local(amiTLS), local(sip), local(chanSIP)
	if config.Phone == "" {
		config.Phone = "127.0.0.1:9"
	}
	if config.Endpoints == 0 {
		config.Endpoints = 10
	}

	found, err := filepath.Glob(root + "/usr/lib/asterisk/modules")
	if err == nil && len(found) == 0 {
		found, err = filepath.Glob(root + "/usr/lib/*/asterisk/modules")
	}
	if err != nil || len(found) == 0 {
		return fmt.Errorf("no Asterisk modules in %s", root)
	}
	loads := &strings.Builder{}
	load := modules
	if config.HEP != "" {
		load = append(load[:len(load):len(load)], "res_hep", "res_hep_pjsip")
	}
	if config.ARI {
		load = append(load[:len(load):len(load)], ariModules...)
		a.ARIAddr = local(ari)
	}
	for _, name := range load {
		if _, err := os.Stat(filepath.Join(found[0], name+".so")); err == nil {
			fmt.Fprintf(loads, "load=%s.so\n", name)
			a.ChanSIP = a.ChanSIP || name == "chan_sip"
		}
	}

	rig := strings.TrimPrefix(a.dir, root)
	files := map[string]string{
		"asterisk.conf": strings.NewReplacer("RIG", rig, "MODULES", strings.TrimPrefix(found[0], root)).Replace(`[directories]
astetcdir => RIG
astmoddir => MODULES
astvarlibdir => /var/lib/asterisk
astdbdir => RIG/db
astkeydir => RIG/var
astdatadir => /usr/share/asterisk
astagidir => /usr/share/asterisk/agi-bin
astspooldir => RIG/spool
astrundir => RIG/run
astlogdir => RIG/log
[options]
documentation_language = en_US
`),
		"modules.conf": "[modules]\nautoload=no\n" + loads.String(),
		"logger.conf":  "[general]\n[logfiles]\nmessages => notice,warning,error\n",
		"manager.conf": fmt.Sprintf(`[general]
enabled=yes
port=%d
bindaddr=127.0.0.1
displayconnects=no
tlsenable=yes
tlsbindaddr=%s
tlscertfile=%s/var/cert.pem
tlsprivatekey=%s/var/key.pem
`, ami, a.TLSAddr, rig, rig) + amiUser(UserFull, "all", "all") +
			amiUser(UserMinimal, "system,user,call,security", "system,user,reporting") +
			amiUser(UserNoSystem, "user", "user") + amiUser(UserCaller, "user,call", "originate") + amiUser(UserNothing, "", ""),
		"extensions.conf":   extensions,
		"pjsip.conf":        pjsipConf(config, sip),
		"pjsip_notify.conf": "[" + NotifyOption + "]\nEvent=>check-sync\\;reboot=true\nX-Vendor=>option\n",
		"sip.conf":          sipConf(config, chanSIP),
		"hep.conf": "[general]\nenabled=" + map[bool]string{true: "yes", false: "no"}[config.HEP != ""] +
			"\ncapture_address=" + config.HEP + "\ncapture_id=1\nuuid_type=call-id\n",
	}
	for _, name := range emptyFiles {
		files[name+".conf"] = ""
	}
	if config.Mailboxes {
		files["voicemail.conf"] = "[general]\nformat=wav\n[default]\n101 => 1234,Alice Example,alice@example.com\n102 => 5678,Bob\n"
	}
	if config.ARI {
		files["http.conf"] = fmt.Sprintf("[general]\nenabled=yes\nbindaddr=127.0.0.1\nbindport=%d\n", ari)
		files["ari.conf"] = "[general]\nenabled=yes\n[" + UserARI + "]\ntype=user\nread_only=no\npassword=" + Secret + "\n"
	}
	if a.TLS, err = certificate(files); err != nil {
		return fmt.Errorf("make certificate: %w", err)
	}
	maps.Copy(files, config.Files)
	for _, sub := range []string{"run", "log", "spool", "var", "db"} {
		if err := os.Mkdir(filepath.Join(a.dir, sub), 0o755); err != nil {
			return err
		}
	}
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(a.dir, name)), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(a.dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// amiUser returns a section of manager.conf. No blanks in the lists: the server would not trim them.
func amiUser(name, read, write string) string {
	text := "[" + name + "]\nsecret=" + Secret + "\n"
	if read != "" {
		text += "read=" + read + "\n"
	}
	if write != "" {
		text += "write=" + write + "\n"
	}
	return text
}

func pjsipConf(config AsteriskConfig, port int) string {
	b := &strings.Builder{}
	fmt.Fprintf(b, "[global]\ntype=global\n")
	if !config.NoOutbound {
		fmt.Fprintf(b, "default_outbound_endpoint=1001\n")
	}
	fmt.Fprintf(b, "[transport-udp]\ntype=transport\nprotocol=udp\nbind=127.0.0.1:%d\n", port)
	endpoint := func(name, rest string) {
		fmt.Fprintf(b, "[%s]\ntype=endpoint\naors=%s\ncontext=default\ndisallow=all\nallow=ulaw\n%s", name, name, rest)
	}
	for n := range config.Endpoints {
		name := fmt.Sprint(1001 + n)
		endpoint(name, "")
		fmt.Fprintf(b, "[%s]\ntype=aor\ncontact=sip:%s@%s\n", name, name, config.Phone)
	}
	endpoint(EndpointTwin, "")
	fmt.Fprintf(b, "[twin]\ntype=aor\ncontact=sip:twin-a@%s\ncontact=sip:twin-b@%s\n", config.Phone, config.Phone)
	endpoint(EndpointAbsent, "")
	fmt.Fprintf(b, "[absent]\ntype=aor\nmax_contacts=1\n")
	endpoint(EndpointDynamic, "auth=dynamic\n")
	fmt.Fprintf(b, "[dynamic]\ntype=auth\nauth_type=userpass\nusername=dynamic\npassword=pw\n")
	fmt.Fprintf(b, "[dynamic]\ntype=aor\nmax_contacts=3\nminimum_expiration=5\n")
	if config.Qualified {
		for name, room := range map[string]string{EndpointQualified: "max_contacts=3", EndpointSingle: "max_contacts=1\nremove_existing=yes"} {
			endpoint(name, "auth="+name+"\n")
			fmt.Fprintf(b, "[%s]\ntype=auth\nauth_type=userpass\nusername=%[1]s\npassword=pw\n", name)
			fmt.Fprintf(b, "[%s]\ntype=aor\n%s\nminimum_expiration=5\nqualify_frequency=3600\nqualify_timeout=2\n", name, room)
		}
		fmt.Fprintf(b, "[%s]\ntype=endpoint\ncontext=default\ndisallow=all\nallow=ulaw\n", EndpointBare)
	}
	b.WriteString(config.PJSIP)
	return b.String()
}

func sipConf(config AsteriskConfig, port int) string {
	b := &strings.Builder{}
	fmt.Fprintf(b, "[general]\ncontext=default\nudpbindaddr=127.0.0.1:%d\nallowguest=no\nsrvlookup=no\nminexpiry=4\ncallcounter=yes\n", port)
	host, phonePort, _ := net.SplitHostPort(config.Phone)
	for n := range config.Endpoints {
		fmt.Fprintf(b, "[%d]\ntype=peer\nhost=%s\nport=%s\nqualify=no\ndisallow=all\nallow=ulaw\n", 1001+n, host, phonePort)
	}
	fmt.Fprintf(b, "[%s]\ntype=friend\nhost=dynamic\nsecret=pw\n", EndpointAbsent)
	if config.Qualified {
		fmt.Fprintf(b, "[%s]\ntype=friend\nhost=dynamic\nsecret=pw\nqualify=yes\n", EndpointQualified)
	}
	return b.String()
}

// certificate adds a key and a self-signed certificate for 127.0.0.1 to files and returns who trusts it.
func certificate(files map[string]string) (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "asterisk"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	files["var/cert.pem"] = string(certPEM)
	files["var/key.pem"] = string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private}))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}, nil
}
