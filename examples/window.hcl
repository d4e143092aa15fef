# Firmware goes out at night, whenever it was applied:
#
#   notifyrun plan examples/window.hcl
#   notifyrun apply examples/window.hcl
#   notifyrun serve examples/window.hcl     sends when the window opens
#
# and at once if it must:
#
#   notifyrun apply -var urgent=true examples/window.hcl

variable "firmware" {
  type    = string
  default = "1.2.3"
}

variable "urgent" {
  type    = bool
  default = false
}

pbx "demo" {
  simulator {
    phones = 40
  }
  rate_limit = "100/s"
}

message "reboot" {
  event = "check-sync;reboot=true"
}

# Monday evening to Saturday morning. Not on Christmas Eve, nor in the night
# that begins then.
window "nights" {
  start    = "22:00"
  end      = "05:00"
  days     = ["mon", "tue", "wed", "thu", "fri"]
  timezone = "Europe/Berlin"
  except   = ["2026-12-24", "2026-12-25"]
}

sip_notify "firmware" {
  pbx     = pbx.demo
  window  = var.urgent ? null : window.nights
  targets = [for n in range(40) : "PJSIP/${1001 + n}"]
  message = message.reboot

  trigger "change" {
    on = { firmware = var.firmware }
  }
}
