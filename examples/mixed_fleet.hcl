# Restart the phones of several vendors, each with what it understands: preset_for
# picks the message by the phone's User-Agent. Before anything is sent the plan
# says what each vendor's phones will do, and whom it cannot restart.
#
#   notifyrun plan examples/mixed_fleet.hcl
#   notifyrun fire sip_notify.restart examples/mixed_fleet.hcl
#
# Here the PBX is simulated, and the phones stand in a list. With a real PBX it
# knows them itself:
#
#   data "pjsip_contacts" "hq" {
#     pbx = pbx.hq
#   }
#
# and the targets are data.pjsip_contacts.hq.contacts.

pbx "hq" {
  simulator {
    phones = 6
  }
}

locals {
  phones = csvdecode(<<-EOT
    target,user_agent
    PJSIP/1001,Yealink SIP-T46S 66.86.0.15
    PJSIP/1002,snomD785/10.1.159.12
    PJSIP/1003,PolycomVVX-VVX_450-UA/6.4.3.5018
    PJSIP/1004,Cisco/SPA504G-7.6.2c
    PJSIP/1005,Grandstream GXP2170 1.0.11.46
    PJSIP/1006,Zoiper rv2.10.8.2
  EOT
  )
}

sip_notify "restart" {
  pbx     = pbx.hq
  targets = local.phones

  # Where a vendor has no "reboot", its "check_sync" is the nearest to it.
  message = preset_for(target.user_agent, "reboot", "check_sync")

  # A softphone is told nothing. Without this line it would be a mistake.
  unknown_phone = "skip"
}
