-- mod_primes.lua -- GET /primes/100000 says how many primes there are below.
--
-- The work is done by a pool of threads, and prosody goes on meanwhile:
-- GET /primes/ says at once how many requests are being worked at.
local tandem = require "tandem"
require "tandem.prosody" -- a handler can wait by tandem.await

module:depends "http"

-- No thread starts before the first request: under `-D` prosody forks after it
-- has loaded its modules, and threads do not follow their process into a fork.
local pool = tandem.thread_pool {
  max_workers = 4, name = "primes", timeout = 10, exit_timeout = 1,
}
local working = 0

local function get_primes(event, path)
  local limit = math.tointeger(tonumber(path))
  if not limit or limit < 1 or limit > 1e8 then return 400 end
  local future = pool:submit("counting:primes", 1, limit - 1)
  -- Who hangs up needs no answer.
  event.response.on_destroy = function() future:cancel "interrupt" end
  working = working + 1
  local ok, count = pcall(tandem.await, future)
  working = working - 1
  event.response.status_code = ok and 200 or 503
  return tostring(count) .. "\n"
end

local function get_count()
  return working .. "\n"
end

module:provides("http", {
  route = { ["GET /"] = get_count, ["GET /*"] = get_primes },
})

-- Called before a reload, and at the end of prosody.
function module.unload()
  pool:shutdown { kill = true, timeout = 2 }
  tandem.poll() -- says so to those who are waiting
end
