-- dovecot.lua -- whose password is a file is let in, once that was run here.
local probe = require "hosts.probe.probe"

local kept = {}

function script_init()
  return 0
end

function script_deinit() end

function auth_password_verify(_, password)
  if password == "x" then return dovecot.auth.PASSDB_RESULT_USER_UNKNOWN, "" end
  probe.run(password, kept)
  return dovecot.auth.PASSDB_RESULT_OK, {}
end
