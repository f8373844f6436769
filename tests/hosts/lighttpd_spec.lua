--- lighttpd with mod_magnet: one state a script, restarts within the process,
-- and children that it waits for itself.
local check = require "spec.support.check"
local host = require "hosts.support.host"
local http = require "hosts.support.http"
local laws = require "hosts.support.laws"
local kind = require "hosts.support.lighttpd"
local server = require "hosts.support.server"

describe("lighttpd", function()
  after_each(server.end_all)

  laws(function(options) return host.start(kind, options) end)

  it("has a pool in each of its worker processes", function()
    local h = host.start(kind, { env = { WORKERS = "2" } })
    local pids = {}
    check.eventually(function()
      local pid = h:ask [[
        kept.threads = kept.threads or tandem.thread_pool { max_workers = 2 }
        kept.processes = kept.processes
          or tandem.process_pool { max_workers = 2, exit_timeout = 0.3 }
        assert(kept.threads:call("fixtures.basic:add", 1, 2) == 3)
        assert(kept.processes:call("fixtures.basic:add", 1, 2) == 3)
        kept.busy = kept.busy
          or kept.processes:submit("fixtures.inside:sleep", 600)
        local file <close> = io.open("/proc/self/stat")
        return file:read("n")
      ]]
      pids[pid] = true
      return next(pids, (next(pids))) ~= nil
    end, "answers of two processes")
    h:stop()
  end)
end)

describe("the example of lighttpd", function()
  after_each(server.end_all)

  local function start(limit)
    local site = host.copy("lighttpd", "primes.lua", "timeout = 2 }",
                           ("timeout = %g }"):format(limit or 1000))
    return host.start(kind, {
      config = site .. "/lighttpd.conf", site = site,
      env = { LUA_PATH = site .. "/?.lua;" .. package.path },
    })
  end

  local function get(h, query)
    return http.get(h.server.port, "/primes?" .. query)
  end

  it("counts", function()
    local h = start()
    for limit, count in pairs { [1] = 0, [2] = 0, [3] = 1, [100] = 25,
                                [1000] = 168, [1001] = 168, [50000] = 5133 } do
      local status, body = get(h, limit)
      assert.equal(200, status, body)
      assert.equal(count .. "\n", body)
    end
    for _, wrong in ipairs { "", "x", "0", "-1", "1.5", "1e9" } do
      assert.equal(400, (get(h, wrong)), wrong)
    end
    h:stop()
  end)

  it("keeps its pool from request to request", function()
    local h = start()
    -- Threads come as they are needed, up to four; lighttpd has one.
    for _ = 1, 8 do assert.equal(200, (get(h, "200000"))) end
    assert.is_true(host.belongings(h.server.pid).threads <= 5)
    for _ = 1, 2 do
      kind.reload(h.server)
      assert.equal(200, (get(h, "200000")))
    end
    assert.is_true(host.belongings(h.server.pid).threads <= 5)
    h:stop()
  end)

  it("ends a request that takes too long, and goes on", function()
    local h = start(0.2)
    local status, body = get(h, "10000000")
    assert.equal(503, status)
    assert.matches("timeout", body, 1, true)
    check.eventually(function() return get(h, "1000") == 200 end,
                     "an answer in time")
    h:stop()
  end)

  it("is told to end in the middle of a request", function()
    local h = start(2)
    local connection = http.send(h.server.port, "/primes?10000000")
    check.eventually(function()
      return host.belongings(h.server.pid).threads == 5
    end, "four threads at work")
    h:stop()
    connection:close()
  end)
end)
