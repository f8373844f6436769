-- mod_primes.lua -- GET /primes/100000 says how many primes there are below.
--
-- The work is done by a pool of threads, and prosody goes on meanwhile:
-- GET /primes/ says at once how many requests are being worked at.
local tandem = require "tandem"
local server = require "net.server"

module:depends "http"

local pool, watch
local responses = {} -- by the future whose result they wait for

-- At the first request and not before: under `-D` prosody forks after it has
-- loaded its modules, and threads do not follow their process into a fork.
local function start()
  pool = tandem.thread_pool {
    max_workers = 4, name = "primes", timeout = 10, exit_timeout = 1,
  }
  watch = server.watchfd(tandem.fileno(), function() tandem.poll() end)
end

local function finish(future)
  local response = responses[future]
  responses[future] = nil
  if not response or response.finished then return end
  local ok, count = pcall(future.result, future)
  response.status_code = ok and 200 or 503
  response:send(tostring(count) .. "\n")
end

local function get_primes(event, path)
  local limit = math.tointeger(tonumber(path))
  if not limit or limit < 1 or limit > 1e8 then return 400 end
  if not pool then start() end
  local future = pool:submit("counting:primes", 1, limit - 1)
  responses[future] = event.response
  -- Who hangs up needs no answer.
  event.response.on_destroy = function()
    responses[future] = nil
    future:cancel "interrupt"
  end
  future:on_done(finish)
  return true -- the answer comes later
end

local function get_count()
  local count = 0
  for _ in pairs(responses) do count = count + 1 end
  return tostring(count) .. "\n"
end

module:provides("http", {
  route = { ["GET /"] = get_count, ["GET /*"] = get_primes },
})

-- Called before a reload, and at the end of prosody.
function module.unload()
  if not pool then return end
  pool:shutdown { kill = true, timeout = 2 }
  tandem.poll() -- says so to those who are waiting
  watch:close()
end
