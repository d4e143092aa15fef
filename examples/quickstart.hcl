# Everything at once, on this machine alone: a simulated Asterisk with 25
# phones, a user event, a reboot of all phones for a new firmware, and a
# message-lamp job on a schedule.
#
#   notifyrun plan  examples/quickstart.hcl
#   notifyrun apply examples/quickstart.hcl
#
# A second apply finds nothing to do. With -var firmware=1.2.4 each phone is
# told once more.

pbx "demo" {
  simulator {
    phones = 25 # PJSIP/1001 to PJSIP/1025
  }
}

variable "firmware" {
  type    = string
  default = "1.2.3"
}

locals {
  phones = [for n in range(25) : "PJSIP/${1001 + n}"]
}

message "reboot" {
  event = "check-sync;reboot=true"
}

# Tell the dialplan and everyone who listens on AMI.
user_event "maintenance" {
  pbx  = pbx.demo
  name = "MaintenanceStarts"
  body = {
    Site     = "demo"
    Firmware = var.firmware
  }

  trigger "change" {
    on = var.firmware
  }
}

# Once for each firmware, each phone.
sip_notify "firmware" {
  pbx     = pbx.demo
  targets = local.phones
  message = message.reboot

  trigger "change" {
    on = { firmware = var.firmware }
  }
}

# Every quarter of an hour, each phone its own numbers.
sip_notify "lamps" {
  pbx = pbx.demo
  targets = [
    for p in local.phones : {
      target  = p
      mailbox = trimprefix(p, "PJSIP/")
      new     = 2
      old     = 5
    }
  ]
  on_unknown = "resend"

  message {
    message_summary {
      account = "sip:${target.mailbox}@pbx.example.net"
      new     = target.new
      old     = target.old
    }
  }

  trigger "schedule" {
    cron     = "*/15 * * * *"
    timezone = "Europe/Berlin"
  }
}
