# NOTIFY inside an existing dialog. chan_sip finds it by its Call-ID; the
# phone gets the NOTIFY with the tags and the next CSeq of that dialog.
#
#   notifyrun fire -var call_id=abc@192.0.2.1 sip_notify.talk examples/sip_call_id.hcl
#
# Asterisk answers "Call-ID not found" when the dialog has ended meanwhile.

pbx "legacy" {
  simulator {
    phones  = 5
    version = 16 # chan_sip is there up to Asterisk 20
  }
}

variable "call_id" {
  type        = string
  default     = "8f1e9c3a@192.0.2.1"
  description = "The Call-ID of the dialog, as in: sip show channels"
}

# Only by hand: the dialog is a call of this moment.
sip_notify "talk" {
  pbx     = pbx.legacy
  targets = ["SIP/1001"]

  message {
    event   = "talk"
    call_id = var.call_id
  }
}
