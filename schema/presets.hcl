# What vendors' phones do when a NOTIFY tells them to read their configuration
# again or to restart. preset.VENDOR.ACTION and preset_for(user_agent, action) take
# their messages from here, and docs/phones.md is made of it.
#
# A message stands here only with its source; what nobody has written down is left
# out, not guessed. An alias is another name for the same message, for mixed fleets:
# check_sync means "read your configuration again" with every vendor that can.

vendor "yealink" {
  name = "Yealink"
  action "reboot" {
    event  = "check-sync;reboot=true"
    does   = "reboots; with the setting sip.notify_reboot_enable = 2 it only reads its configuration again"
    needs  = "nothing"
    source = ["Yealink IP Phones Administrator Guide, sip.notify_reboot_enable"]
  }
  action "check_sync" {
    event  = "check-sync"
    does   = "reboots unless the setting sip.notify_reboot_enable says otherwise"
    needs  = "nothing"
    source = ["Yealink IP Phones Administrator Guide, sip.notify_reboot_enable"]
  }
}

vendor "polycom" {
  name = "Polycom and Poly"
  action "check_sync" {
    event  = "check-sync"
    does   = "reboots only if files have changed on the provisioning server; with voIpProt.SIP.specialEvent.checkSync.alwaysReboot = 1 always"
    needs  = "nothing"
    source = ["Asterisk, configs/samples/sip_notify.conf.sample", "Polycom UC Software Administrator Guide, voIpProt.SIP.specialEvent.checkSync.alwaysReboot"]
  }
}

vendor "snom" {
  name = "Snom"
  action "reboot" {
    event  = "check-sync;reboot=true"
    does   = "reboots"
    needs  = "nothing; with the setting challenge_checksync the phone asks for the password of the identity"
    source = ["Asterisk, configs/samples/sip_notify.conf.sample", "service.snom.com, challenge_checksync"]
  }
  action "check_sync" {
    event  = "check-sync;reboot=false"
    does   = "reads its configuration again"
    needs  = "nothing; with the setting challenge_checksync the phone asks for the password of the identity"
    source = ["Asterisk, configs/samples/sip_notify.conf.sample", "service.snom.com, challenge_checksync"]
  }
}

vendor "cisco_spa" {
  name = "Cisco SPA, Linksys and Sipura"
  action "resync" {
    aliases = ["check_sync"]
    event   = "resync"
    does    = "reads its configuration again when its lines are idle, and reboots where that asks for it"
    needs   = "the password of the line: the phone always asks for it"
    source  = ["Asterisk, configs/samples/sip_notify.conf.sample", "Linksys SPA Provisioning Guide"]
  }
  action "reboot" {
    event  = "reboot_now"
    does   = "reboots at once"
    needs  = "the password of the line: the phone always asks for it"
    source = ["Asterisk, configs/samples/sip_notify.conf.sample", "Linksys SPA Provisioning Guide"]
  }
}

vendor "grandstream" {
  name = "Grandstream"
  action "reboot" {
    event  = "reboot"
    does   = "reboots"
    needs  = "the password of the account, unless \"Disable SIP NOTIFY Authentication\" is set on the phone"
    source = ["Grandstream GXV34x0 Administration Guide"]
  }
  action "check_sync" {
    event  = "check-sync"
    does   = "reads its configuration again"
    needs  = "the password of the account, unless \"Disable SIP NOTIFY Authentication\" is set on the phone"
    source = ["Grandstream GXV34x0 Administration Guide"]
  }
}
