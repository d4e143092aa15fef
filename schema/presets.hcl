# What vendors' phones do when a NOTIFY tells them to read their configuration
# again or to restart. preset.VENDOR.ACTION and preset_for(user_agent, action) take
# their messages from here, firmware_of and vendor_of their patterns, and
# docs/phones.md is made of it.
#
# A message stands here only with its source; what nobody has written down is left
# out, not guessed. known_from says who has: the "vendor", the sample files of
# "asterisk", or "others", projects that send it to such phones.
#
# user_agent is a regular expression that the phone's User-Agent must match. It
# names models where not all of a vendor's do the same, and leaves out what is no
# phone. Its group, if there is one, is the version of the firmware: a User-Agent
# without it gives none.
#
# An alias is another name for the same message, for mixed fleets: check_sync is
# "read your configuration again" and reboot is "restart" with every vendor that
# can do it. does is what such a phone does, as a clause without its subject, and
# needs what must be so on the phone or the PBX, if anything is known of that.

vendor "yealink" {
  name       = "Yealink"
  user_agent = "^[Yy]ealink[ -](?:SIP[ -])?(?:VP-?T?|CP|W|T)[0-9][^ ]*(?: +([0-9]+(?:\\.[0-9]+){3})(?: |$))?"
  example    = "Yealink SIP-T46S 66.86.0.15"

  action "reboot" {
    event      = "check-sync;reboot=true"
    does       = "reboots at once; with the setting sip.notify_reboot_enable = 2 it does nothing"
    known_from = "vendor"
    source     = ["Administrator's Guide for SIP phones, \"How to reboot the IP phone remotely\", https://manualshive.com/en/manual/yealink/cp969/909068?page=779"]
  }
  action "check_sync" {
    event      = "check-sync"
    does       = "reboots too; with the setting sip.notify_reboot_enable = 0 it only reads its configuration again, with 2 it does nothing"
    known_from = "vendor"
    source     = ["Administrator's Guide for SIP phones, sip.notify_reboot_enable, https://manualshive.com/en/manual/yealink/cp969/909068?page=779"]
  }
}

vendor "polycom" {
  name       = "Polycom and Poly"
  user_agent = "^(?:Polycom/[0-9.]+ +)?Poly(?:com)?(?:SoundPointIP|SoundStationIP|VVX|RealPresenceTrio|Trio|CCX|Edge)-[^/ ]+-UA/(?:([0-9]+(?:\\.[0-9]+){2,3})(?:[_ ]|$))?"
  example    = "PolycomVVX-VVX_450-UA/6.4.3.5018"

  action "check_sync" {
    event      = "check-sync"
    does       = "reboots only if files on the provisioning server have changed; always with voIpProt.SIP.specialEvent.checkSync.alwaysReboot = 1"
    known_from = "asterisk"
    source = [
      "Asterisk, configs/samples/sip_notify.conf.sample, polycom-check-cfg",
      "Ruby gem sip-notify, on alwaysReboot, https://rubydoc.info/gems/sip-notify/SipNotify",
    ]
  }
}

vendor "snom" {
  name       = "Snom"
  user_agent = "^snom(?:D?[0-9]{3}|PA1)(?:-SIP)?(?:[/ -]([0-9][0-9A-Za-z._]*)(?: |$))?"
  example    = "snomD785/10.1.159.12"

  action "reboot" {
    event      = "check-sync;reboot=true"
    does       = "reboots; D series: as its setting checksync_action says, if that is set"
    needs      = "the password of its identity, if the setting challenge_checksync is on"
    known_from = "vendor"
    source = [
      "Asterisk, configs/samples/sip_notify.conf.sample, snom-reboot",
      "Snom Service Hub, checksync_action, https://service.snom.com/display/wiki/checksync_action",
      "Snom Service Hub, challenge_checksync",
    ]
  }
  action "check_sync" {
    event      = "check-sync;reboot=false"
    does       = "reads its configuration again; D series: as its setting checksync_action says, if that is set"
    needs      = "the password of its identity, if the setting challenge_checksync is on"
    known_from = "vendor"
    source = [
      "Asterisk, configs/samples/sip_notify.conf.sample, snom-check-cfg",
      "Snom Service Hub, checksync_action, https://service.snom.com/display/wiki/checksync_action",
      "Snom Service Hub, challenge_checksync",
    ]
  }
}

vendor "cisco_spa" {
  name       = "Cisco SPA, Linksys and Sipura"
  user_agent = "^(?:Cisco|Linksys|Sipura)/(?:SPA|PAP|RT|WRP|WIP)-?[0-9][0-9A-Za-z]*(?:-([0-9]+(?:\\.[0-9]+)+[a-z]?(?:\\([^) ]*\\))?)(?: |$))?"
  example    = "Cisco/SPA504G-7.6.2c"

  action "resync" {
    aliases    = ["check_sync"]
    event      = "resync"
    does       = "reads its configuration again once its lines are idle, and reboots if what it reads asks for that"
    needs      = "Resync_From_SIP = Yes, as it is unless changed, and the password of its line: it always asks (401)"
    known_from = "vendor"
    source = [
      "Asterisk, configs/samples/sip_notify.conf.sample, sipura-check-cfg",
      "Cisco SPA2102 Provisioning Guide, Resync_From_SIP and Forced_Resync_Delay, https://www.manualowl.com/m/Cisco/SPA2102-AU/Manual/270070?page=65",
      "Cisco Small Business IP Telephony Devices Provisioning Guide, Enables, https://www.manualowl.com/m/Linksys/SPA921/Manual/40160?page=53",
    ]
  }
  action "reboot" {
    event      = "reboot_now"
    does       = "restarts at once (cold)"
    needs      = "the password of its line: it always asks (401)"
    known_from = "vendor"
    source = [
      "Asterisk, configs/samples/sip_notify.conf.sample, linksys-cold-restart",
      "Cisco Small Business IP Telephony Devices Provisioning Guide, Enables, https://www.manualowl.com/m/Linksys/SPA921/Manual/40160?page=53",
    ]
  }
  action "warm_restart" {
    event      = "restart_now"
    does       = "restarts at once (warm)"
    needs      = "the password of its line: it always asks (401)"
    known_from = "vendor"
    source = [
      "Asterisk, configs/samples/sip_notify.conf.sample, linksys-warm-restart",
      "Cisco Small Business IP Telephony Devices Provisioning Guide, Enables, https://www.manualowl.com/m/Linksys/SPA921/Manual/40160?page=53",
    ]
  }
  action "report" {
    event      = "report"
    does       = "sends a report of its configuration to the server that its Report_Rule names"
    needs      = "the setting Report_Rule, and the password of its line"
    known_from = "asterisk"
    source     = ["Asterisk, configs/samples/sip_notify.conf.sample, sipura-get-report"]
  }
}

vendor "cisco_mpp" {
  name       = "Cisco Multiplatform (MPP)"
  user_agent = "^Cisco-(?:CP-[0-9]{4}[0-9A-Z]*-3PCC|ATA[0-9]+-MPP)/(?:([0-9]+(?:[.-][0-9]+)+(?:MSR[0-9]+)?(?:-[0-9]+)?)(?:[_ ]|$))?"
  example    = "Cisco-CP-8841-3PCC/11.0.1 (00562b043615)"

  action "resync" {
    aliases    = ["check_sync"]
    event      = "resync"
    does       = "reads its configuration again once its lines are idle, and reboots if what it reads asks for that"
    needs      = "Resync_From_SIP = Yes, as it is unless changed, and the password of its line: it always asks (401)"
    known_from = "vendor"
    source     = ["Cisco IP Conference Phone 7832 Multiplatform Phones Provisioning Guide, Enables"]
  }
  action "reboot" {
    event      = "reboot_now"
    does       = "restarts at once (cold)"
    needs      = "the password of its line: it always asks (401)"
    known_from = "vendor"
    source     = ["Cisco IP Conference Phone 7832 Multiplatform Phones Provisioning Guide, Enables"]
  }
  action "warm_restart" {
    event      = "restart_now"
    does       = "restarts at once (warm)"
    needs      = "the password of its line: it always asks (401)"
    known_from = "vendor"
    source     = ["Cisco IP Conference Phone 7832 Multiplatform Phones Provisioning Guide, Enables"]
  }
}

vendor "cisco" {
  name       = "Cisco enterprise SIP"
  user_agent = "^Cisco-CP[0-9]{4}[0-9A-Z]*/(?:([0-9]+(?:[.-][0-9]+)+(?:SR[0-9]+)?)(?: |$))?"
  example    = "Cisco-CP7821/10.3.1"

  action "check_sync" {
    event      = "check-sync"
    does       = "reads its configuration again if the synchronization number there has changed"
    known_from = "asterisk"
    source     = ["Asterisk, configs/samples/sip_notify.conf.sample, cisco-check-cfg"]
  }
}

vendor "grandstream" {
  name       = "Grandstream"
  user_agent = "^Grandstream (?:Model HW )?(?:GXP|GXV|GRP|GHP|GAC|GSC|HT|GXW|DP|WP)-?[0-9][^ ]*(?: +V[0-9][^ ]*)?(?:(?: SW)? +([0-9]+(?:\\.[0-9]+){3})(?: |$))?"
  example    = "Grandstream GXP2170 1.0.11.46"

  action "reboot" {
    event      = "reboot"
    does       = "reboots; whether it waits for the end of a call is not known"
    needs      = "the password of its account (401), unless \"Disable SIP NOTIFY Authentication\" is set on it"
    known_from = "vendor"
    source     = ["Grandstream GXV34x0 and GSC35xx manuals, Disable SIP NOTIFY Authentication"]
  }
  action "check_sync" {
    event      = "check-sync"
    does       = "is expected to read its configuration again; whether it reboots is not known"
    needs      = "the password of its account (401), unless \"Disable SIP NOTIFY Authentication\" is set on it"
    known_from = "vendor"
    source     = ["Grandstream GXV34x0 and GSC35xx manuals, Disable SIP NOTIFY Authentication"]
  }
  action "resync" {
    event      = "resync"
    does       = "is expected to read its configuration again; whether it reboots is not known"
    needs      = "the password of its account (401), unless \"Disable SIP NOTIFY Authentication\" is set on it"
    known_from = "vendor"
    source     = ["Grandstream GXV34x0 and GSC35xx manuals, Disable SIP NOTIFY Authentication"]
  }
}

vendor "mitel" {
  name       = "Aastra and Mitel SIP"
  user_agent = "^(?:Aastra [0-9]{2,4}i(?:t| CT)?|Mitel[ -]6[89][0-9]{2}[a-z]*(?:-SIP)?)/(?:([0-9]+(?:\\.[0-9]+){3})(?: |$))?"
  example    = "Mitel 6930/6.4.0.132"

  action "check_sync" {
    event      = "check-sync"
    does       = "reads its configuration again, and reboots if what it reads asks for that"
    needs      = "that the PBX is its proxy, if the setting \"whitelist proxy\" is on"
    known_from = "asterisk"
    source = [
      "Asterisk, configs/samples/sip_notify.conf.sample, aastra-check-cfg",
      "Aastra IP Phone Administrator Guide 41-001160, Whitelist Proxy, https://manualsbrain.com/en/manuals/989309/?page=1168",
    ]
  }
  action "xml" {
    event      = "aastra-xml"
    does       = "fetches the URI of its setting \"action uri xml sip notify\"; without one it does nothing"
    needs      = "the setting \"sip xml notify event: 1\", and that the PBX is its proxy, if \"whitelist proxy\" is on"
    known_from = "vendor"
    source = [
      "Asterisk, configs/samples/sip_notify.conf.sample, aastra-xml",
      "Aastra IP Phone Administrator Guide 41-001160, https://manualsbrain.com/en/manuals/989309/?page=1168",
    ]
  }
}

vendor "fanvil" {
  name       = "Fanvil"
  user_agent = "^Fanvil [A-Za-z]+[0-9][0-9A-Za-z-]*(?: [0-9A-Fa-f]{12})?(?: +([0-9]+(?:\\.[0-9]+){2,3})(?: |$))?"
  example    = "Fanvil X303 2.12.18.9"

  action "reboot" {
    event      = "check-sync;reboot=true"
    does       = "is expected to reboot"
    known_from = "others"
    source     = ["provisioning projects, section fanvil-check-cfg of their sip_notify.conf"]
  }
  action "check_sync" {
    event      = "check-sync"
    does       = "is reported to reboot too, and to read its configuration then"
    known_from = "others"
    source     = ["FreePBX installations, section fanvil-check-cfg of sip_notify_additional.conf"]
  }
}

vendor "gigaset" {
  name       = "Gigaset desk phones (Maxwell)"
  user_agent = "^(?:Gigaset )?Maxwell (?:Basic|C|[0-9]+)(?:[ /;]|$)"
  example    = "Gigaset Maxwell 3"

  action "reboot" {
    event      = "check-sync;reboot=true"
    does       = "reads its configuration again and reboots 5 s later; after a firmware file not before 90 s"
    known_from = "vendor"
    source = [
      "Gigaset wiki, SIP: Check-sync message, https://teamwork.gigaset.com/gigawiki/display/GPPPO/SIP%3A+Check-sync+message",
      "Gigaset wiki, SIP.Checksync.Simple",
    ]
  }
  action "check_sync" {
    event      = "check-sync;reboot=false"
    does       = "reads its configuration again; with the setting SIP.Checksync.Simple = 1 it reboots too"
    known_from = "vendor"
    source = [
      "Gigaset wiki, SIP: Check-sync message, https://teamwork.gigaset.com/gigawiki/display/GPPPO/SIP%3A+Check-sync+message",
      "Gigaset wiki, SIP.Checksync.Simple",
    ]
  }
}

vendor "gigaset_n870" {
  name       = "Gigaset N530, N610, N670, N770 and N870"
  user_agent = "^Gigaset N(?:530|610|670|770|870E?) (?:IP|VI) PRO/(?:[0-9]+\\.V([0-9]+(?:\\.[0-9]+)+)(?:[+; -]|$))?"
  example    = "Gigaset N870 IP PRO/83.V2.43.0+build.5f0a106;7C2F80E0D605"

  action "reboot" {
    event      = "check-sync;reboot=true"
    does       = "reads its configuration again, and reboots if the setting CheckSyncRebootEnabled is 1"
    needs      = "firmware 2.52 or later with SystemSettings.global.CheckSyncRebootEnabled = 1, and an account of the device as target"
    known_from = "vendor"
    source     = ["Gigaset wiki, FAQ - Auto provisioning: Check-sync with reboot, https://pro-wiki.gigaset.com/bin/view/GPPPO/Products/N870/FAQ%20N870%28E%29N770N670N610N530/FAQ%20-%20Auto%20provisioning/FAQ%20-%20Auto%20provisioning%3A%20Check-sync%20with%20reboot/"]
  }
  action "check_sync" {
    event      = "check-sync;reboot=false"
    does       = "reads its configuration again; it never reboots for that"
    known_from = "vendor"
    source     = ["Gigaset wiki, FAQ - Auto provisioning: Check-sync with reboot, https://pro-wiki.gigaset.com/bin/view/GPPPO/Products/N870/FAQ%20N870%28E%29N770N670N610N530/FAQ%20-%20Auto%20provisioning/FAQ%20-%20Auto%20provisioning%3A%20Check-sync%20with%20reboot/"]
  }
}

vendor "gigaset_n510" {
  name       = "Gigaset N510 and N720"
  user_agent = "^(?:Gigaset )?N(?:510|720)[ -](?:IP|DM)[ -]PRO/(?:([0-9]+(?:\\.[0-9]+){4})(?:[; ]|$))?"
  example    = "N510 IP PRO/42.250.00.000.000"

  action "check_sync" {
    event      = "check-sync"
    does       = "reads its configuration again; it cannot be told to reboot"
    known_from = "vendor"
    source     = ["Gigaset wiki, SIP message - provisioning, https://teamwork.gigaset.com/gigawiki/display/GPPPO/SIP+message+-+provisioning"]
  }
}

vendor "panasonic" {
  name       = "Panasonic KX-HDV, KX-TGP and KX-UT"
  user_agent = "^Panasonic[-_ ]KX-(?:HDV|TGP|TPA|UT)[0-9A-Z]*/(?:([0-9]+(?:\\.[0-9]+)+)(?: |$))?"
  example    = "Panasonic_KX-UT113/01.133 (0080f0c8c381)"

  action "check_sync" {
    event      = "check-sync"
    does       = "reads its configuration again"
    needs      = "the setting CFG_RESYNC_FROM_SIP = \"check-sync\": it is the text that the phone waits for"
    known_from = "vendor"
    source = [
      "KX-UTG200 and KX-UTG300 Administrator Guide, 2.4.5, https://manualshive.com/en/manual/panasonic/kx-utg200/268466?page=54",
      "KX-TGP500 Administrator Guide, 1.1.6, https://manualsdump.com/en/manuals/panasonic-kx-tgp500/220363/23",
    ]
  }
}

vendor "sangoma" {
  name       = "Sangoma S series"
  user_agent = "^Sangoma S[0-9]{3}(?: V?([0-9]+(?:\\.[0-9]+){3})(?: |$)| |$)"
  example    = "Sangoma S500 V2.0.4.67"

  action "reboot" {
    event      = "check-sync;reboot=true"
    does       = "is expected to reboot"
    known_from = "others"
    source     = ["FreePBX installations, section sync-reboot-sangoma of sip_notify_additional.conf"]
  }
  action "check_sync" {
    event      = "check-sync;reboot=false"
    does       = "is expected to read its configuration again"
    known_from = "others"
    source     = ["FreePBX installations, section sync-noreboot-sangoma of sip_notify_additional.conf"]
  }
}

vendor "digium" {
  name       = "Digium and Sangoma D and P series"
  user_agent = "^(?:Digium D|Sangoma [DP])[0-9]{2,3}(?: ([0-9]+(?:_[0-9]+){2,4})(?: |$)| |$)"
  example    = "Sangoma P330 4_27_8 000FD3D0B030"

  action "reboot" {
    aliases    = ["check_sync"]
    event      = "check-sync"
    does       = "restarts, unless its setting enable_check_sync is off"
    needs      = "a phone that is not provisioned by DPMA: there the setting does not exist"
    known_from = "vendor"
    source = [
      "Asterisk, configs/samples/sip_notify.conf.sample, digium-check-cfg",
      "Digium Phones, Remote Restart, https://wiki.asterisk.org/wiki/pages/diffpages.action?pageId=40818835&originalId=40816948",
      "Sangoma Phones, XML Configuration, enable_check_sync, https://sangomakb.atlassian.net/wiki/spaces/Phones/pages/17694755/XML+Configuration+4.13.0",
    ]
  }
}

vendor "htek" {
  name       = "Htek"
  user_agent = "^Htek UC ?[0-9V][0-9A-Za-z]*(?: V?([0-9]+(?:\\.[0-9]+){3,4})(?: |$)| |$)"
  example    = "Htek UC924E V3.0.4.5"

  action "check_sync" {
    event      = "check-sync"
    does       = "is expected to read its configuration again; whether it reboots is not known"
    known_from = "others"
    source     = ["Wazo, provisioning plugin wazo-htek, synchronize"]
  }
}

vendor "obihai" {
  name       = "Obihai"
  user_agent = "^OBIHAI/OBi[0-9]+(?:-([0-9]+(?:\\.[0-9]+){2,3})(?: |$)| |$)"
  example    = "OBIHAI/OBi202-3.2.2.5921"

  action "resync" {
    aliases    = ["check_sync", "reboot"]
    event      = "resync"
    does       = "reboots, to read its configuration and firmware anew; of its adapters that is expected"
    needs      = "the setting X_AcceptResync: without authentication unless changed; it can be off, or ask for a password"
    known_from = "vendor"
    source     = ["OBi1000 Series Administration Guide, X_AcceptResync, https://manualshive.com/en/manual/obihai/obi1062/3153653?page=192"]
  }
}
