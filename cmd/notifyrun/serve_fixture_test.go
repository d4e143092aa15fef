package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient/amisim"
)

// startPBX gives a PBX of the test's own.
func startPBX(t *testing.T, config amisim.Config) *amisim.Server {
	t.Helper()
	if config.Phones == nil {
		config.Phones = amisim.Phones(5)
	}
	sim, err := amisim.Start(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sim.Close() })
	return sim
}

// applies writes a configuration into dir and applies it.
func applies(t *testing.T, dir, config string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := program(dir, "apply", "-auto-approve").CombinedOutput(); err != nil {
		t.Fatalf("apply: %v\n%s", err, out)
	}
}

// filePBX declares a server whose secret lies in a file in dir.
func filePBX(t *testing.T, dir, name, address string, user amisim.User) string {
	t.Helper()
	writeSecret(t, dir, name, user.Secret)
	return fmt.Sprintf("pbx %[1]q {\n  address     = %[2]q\n  username    = %[3]q\n  secret_file = \"%[1]s.secret\"\n}\n", name, address, user.Name)
}

func writeSecret(t *testing.T, dir, name, secret string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name+".secret"), []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// secondly is a job of a PBX that fires each second.
func secondly(name string) string {
	return fmt.Sprintf("sip_notify %[1]q {\n  pbx     = pbx.%[1]s\n  targets = [\"PJSIP/1001\"]\n  message {\n    event = \"ping\"\n  }\n  trigger \"schedule\" {\n    cron    = \"@every 1s\"\n    overlap = \"skip\"\n  }\n}\n", name)
}
