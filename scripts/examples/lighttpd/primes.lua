-- primes.lua -- GET /primes?100000 says how many primes there are below that.
local tandem = require "tandem"

-- lighttpd keeps one state for this file, and runs the file anew at each
-- request. Globals of the request go with it; fields of _G stay.
local pool = _G.primes_pool
if not pool then
  -- No task keeps a restart of lighttpd waiting for longer than a second.
  pool = tandem.thread_pool {
    max_workers = 4, name = "primes", exit_timeout = 1,
  }
  _G.primes_pool = pool
end

local function answer(status, text)
  lighty.r.resp_header["Content-Type"] = "text/plain"
  lighty.r.resp_body:set(text .. "\n")
  return status
end

local limit = math.tointeger(tonumber(lighty.r.req_attr["uri.query"]))
if not limit or limit < 1 or limit > 1e7 then
  return answer(400, "a number from 1 to 10000000, please")
end

-- In blocks, so that all the workers have a part in it. lighttpd serves nobody
-- else meanwhile, hence the time limit for the whole.
local last = (limit - 1) // 1000
local ok, count = pcall(pool.reduce, pool, "counting:primes_of_block",
  "counting:add", tandem.range(0, last), { timeout = 2 })
if not ok then return answer(503, tostring(count)) end

-- The last block may reach beyond the limit.
local beyond = pool:call("counting:primes", limit, last * 1000 + 999)
return answer(200, tostring(count - beyond))
