--- dovecot, whose auth workers are processes with a limit of memory.
local check = require "spec.support.check"
local files = require "spec.support.files"
local host = require "hosts.support.host"
local lfs = require "lfs"
local socket = require "socket"

local dovecot = { name = "dovecot" }

local function me()
  local pipe <close> = assert(io.popen "id -un; id -gn")
  return pipe:read("l"), pipe:read("l")
end

local ENVIRONMENT = "RUN ME MY_GROUP SITE SCRIPT LUA_PATH LUA_CPATH "
  .. "MARK TMPDIR TANDEM_WORKER"

-- One worker at most, so that all requests meet the same state.
local PROBE = [[
auth_worker_max_count = 1
passdb {
  driver = lua
  args = file=%s/dovecot.lua blocking=%s
}
]]

-- Who is not root can neither change a root folder nor a user.
local PLAIN_USER = [[
default_login_user = $ENV:ME
service anvil {
  chroot =
}
]]

-- The example's, with another passdb in the place of its own.
local function write_config(server, options)
  local text = files.read(host.examples .. "/dovecot/dovecot.conf")
  if not options.site then
    text = text:gsub("\npassdb (%b{})", "")
      .. PROBE:format(host.probes, options.blocking or "yes")
  end
  -- Who fails waits for some seconds, unless told otherwise.
  return files.write(server.folder .. "/dovecot.conf", text .. ([[
auth_failure_delay = 0
import_environment = %s
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service auth-worker {
  executable = auth -w
}
]]):format(ENVIRONMENT .. " " .. (options.environment or ""))
    .. (me() == "root" and "" or PLAIN_USER))
end

--- `options.site`: the example's folder and its passdb; `options.blocking`:
-- "no" for the auth process itself; `options.environment`: more of it.
function dovecot.start(server, options)
  local user, group = me()
  local env = {
    SITE = options.site or host.probes, RUN = server.folder .. "/run",
    ME = user, MY_GROUP = group,
    SCRIPT = ("file=%s/auth.lua"):format(options.site or ""),
  }
  for name, value in pairs(options.env or {}) do env[name] = value end
  server:start({ "dovecot", "-F", "-c", write_config(server, options) }, env)
  server:wait_for("start", function()
    return server:log():find("starting up", 1, true)
      and dovecot.auth(server, "nobody", "x")
  end)
end

--- May they in? The line that says so; nil where nobody answers.
function dovecot.auth(server, user, password)
  local command = ("doveadm -c %s/dovecot.conf auth test -a %s %s %s 2>&1")
    :format(server.folder, files.quote(server.folder .. "/run/auth-client"),
            files.quote(user), files.quote(password))
  local pipe <close> = assert(io.popen(
    ("env RUN= ME= MY_GROUP= SITE= SCRIPT= %s </dev/null"):format(command)))
  return pipe:read("a"):match("passdb: [^\n]*")
end

--- Until it was run: who asks just when dovecot is reloaded may reach a process
-- that takes no more requests, or that finds no auth worker.
function dovecot.trigger(server, path)
  local deadline = socket.gettime() + check.BOUND
  repeat
    dovecot.auth(server, "somebody", path)
    if lfs.attributes(path .. ".out") then return end
    socket.sleep(0.05)
  until socket.gettime() > deadline
end

local function reloads(server)
  return select(2, server:log():gsub("SIGHUP received", ""))
end

--- New processes for new requests; the old ones are to end.
function dovecot.reload(server)
  local before = reloads(server)
  server:signal("HUP")
  server:wait_for("reload", function() return reloads(server) > before end)
end

return dovecot
