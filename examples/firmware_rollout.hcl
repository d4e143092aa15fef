# Bring phones to a version of firmware: those that say that they have an older
# one are rebooted, so that they fetch it. A phone that has fetched it is no target
# any more, so that in the end nothing is left to do.
#
#   notifyrun apply examples/firmware_rollout.hcl
#
# Here the PBX is simulated, and the phones stand in a list. With a real PBX its
# own contacts take their place: data.pjsip_contacts.hq.contacts.

pbx "hq" {
  simulator {
    phones = 5
  }
}

variable "firmware" {
  type        = string
  default     = "66.86.0.15"
  description = "The version that the provisioning server has for the T46S."
}

variable "updated" {
  type        = list(string)
  default     = []
  description = "Endpoints that have come back with that version: a real PBX tells it by itself."
}

locals {
  contacts = [
    { endpoint = "1001", user_agent = "Yealink SIP-T46S 66.86.0.5" },
    { endpoint = "1002", user_agent = "Yealink SIP-T46S 66.85.0.128" },
    { endpoint = "1003", user_agent = "Yealink SIP-T46S 66.86.0.15" },
    { endpoint = "1004", user_agent = "Yealink SIP-T46S" },
    { endpoint = "1005", user_agent = "snomD785/10.1.159.12" },
  ]
  present = [
    for c in local.contacts : contains(var.updated, c.endpoint) ? merge(c, { user_agent = "Yealink SIP-T46S ${var.firmware}" }) : c
  ]

  # Versions compare within a model. What a phone has that does not say it is not
  # known: try(…, false) takes it for up to date.
  old = [
    for c in local.present : c
    if startswith(c.user_agent, "Yealink SIP-T46S") && try(versioncmp(firmware_of(c.user_agent), var.firmware) < 0, false)
  ]
}

sip_notify "firmware" {
  pbx     = pbx.hq
  targets = local.old
  message = preset.yealink.reboot

  trigger "change" {
    on = var.firmware
  }
}
