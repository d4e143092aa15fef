variable "pbx" {
  description = "The PBX of the site."
}

variable "exclude" {
  description = "Phones that are left alone."
  type        = list(string)
  default     = []
}

variable "firmware" {
  type = string
}

data "pjsip_contacts" "here" {
  pbx = var.pbx
}

sip_notify "firmware" {
  pbx     = var.pbx
  targets = data.pjsip_contacts.here.contacts
  exclude = var.exclude

  message {
    event = "check-sync;reboot=true"
  }

  trigger "change" {
    on = var.firmware
  }

  postcondition {
    condition     = length(self.targets) <= 500
    error_message = "No site has so many phones: look what has registered there."
  }
}

output "phones" {
  value = length(data.pjsip_contacts.here.contacts)
}
