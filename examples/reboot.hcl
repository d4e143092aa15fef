# Reboot phones for a new firmware: each phone once for each version, at a
# pace that the provisioning server bears.
#
#   notifyrun plan -var firmware=1.2.4 examples/reboot.hcl
#
# Here the PBX is simulated. A real one is declared as in:
#
#   pbx "hq" {
#     address  = "pbx.example.net:5038"
#     username = "notifyrun"
#     secret   = var.hq_secret           # export NOTIFYRUN_VAR_hq_secret=…
#   }
#
#   variable "hq_secret" {
#     type      = string
#     sensitive = true
#   }

pbx "hq" {
  simulator {
    phones = 40
  }
  rate_limit = "100/s"
}

variable "firmware" {
  type        = string
  default     = "1.2.3"
  description = "The version that the provisioning server has now."

  validation {
    condition     = can(regex("^[0-9]+(\\.[0-9]+)*$", var.firmware))
    error_message = "A firmware version is numbers and dots, as in 1.2.3."
  }
}

# What each vendor understands as "reboot", and which phones it has made.
locals {
  vendors = {
    yealink = { event = "check-sync;reboot=true", first = 1001, count = 20 }
    cisco   = { event = "reboot_now", first = 1021, count = 20 }
  }
}

sip_notify "reboot" {
  for_each = local.vendors
  pbx      = pbx.hq
  targets  = [for n in range(each.value.count) : "PJSIP/${each.value.first + n}"]

  message {
    event = each.value.event
  }

  trigger "change" {
    on = { firmware = var.firmware }
  }

  retry {
    attempts = 3
    backoff  = "5s"
  }
}
