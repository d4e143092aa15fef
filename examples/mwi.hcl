# Switch message lamps from a list of mailboxes: one NOTIFY a phone, with the
# message-summary body of RFC 3842.
#
#   notifyrun apply examples/mwi.hcl
#
# A phone that subscribes to its mailbox shows the server's own count again
# after the next real NOTIFY.

pbx "hq" {
  simulator {
    phones = 25
  }
}

locals {
  mailboxes = csvdecode(<<-CSV
    target,mailbox,new,old
    PJSIP/1001,1001,2,5
    PJSIP/1002,1002,0,3
    PJSIP/1003,1003,1,0
    CSV
  )
}

sip_notify "lamps" {
  pbx        = pbx.hq
  targets    = local.mailboxes
  on_unknown = "resend" # a lamp may be told twice

  message {
    message_summary {
      account = "sip:${target.mailbox}@pbx.example.net"
      new     = target.new
      old     = target.old
    }
  }

  # Whenever the numbers of a phone change, that phone is told.
  trigger "change" {}

  # And all of them, now and then.
  trigger "schedule" {
    cron     = "*/15 6-20 * * MON-FRI"
    timezone = "Europe/Berlin"
    jitter   = "1m"
  }
}
