--- prosody: modules in its event loop, a fork after they are loaded (`-D`).
local check = require "spec.support.check"
local files = require "spec.support.files"
local host = require "hosts.support.host"
local http = require "hosts.support.http"
local laws = require "hosts.support.laws"
local kind = require "hosts.support.prosody"
local processes = require "spec.support.processes"
local server = require "hosts.support.server"

-- Prosody warns of each read of a global that is not there.
local function stop(h)
  local status = h:stop()
  local log = h.server:log()
  assert.is_nil(log:find("non-existent global", 1, true), log)
  assert.is_nil(log:find("Traceback", 1, true), log)
  assert.equal(0, status, log)
end

describe("prosody", function()
  after_each(server.end_all)

  laws(function(options) return host.start(kind, options) end)

  it("misses no global", function()
    local h = host.start(kind)
    for _, name in ipairs { "serial", "thread", "process" } do
      h:ask(([[
        local pool <close> = tandem.%s_pool { max_workers = 2 }
        local f = pool:submit("fixtures.basic:add", 1, 2)
        tandem.wait({ f, f:and_then("fixtures.basic:echo") })
        for _ in pool:map("fixtures.basic:square", tandem.range(1, 9)) do end
        tandem.all { f }:result()
        tandem.fileno()
        pool:stats()
        pool:workers()
        tostring(f)
      ]]):format(name))
    end
    stop(h)
  end)

  for _, backend in ipairs { "epoll", "event", "select" } do
    it("has its results brought by the loop, by " .. backend, function()
      local h = host.start(kind, { backend = backend })
      h:ask [[
        kept.loop = require "tandem.prosody"
        kept.loop.detach()
        kept.loop.detach()
        kept.loop.attach()
        kept.pool = tandem.thread_pool(1)
        kept.pool:submit("fixtures.basic:add", 1, 2):on_done(function(f)
          kept.sum = f:result()
        end)
      ]]
      check.eventually(function()
        return h:ask "return kept.sum" == "3"
      end, "the result")
      h:ask "kept.loop.detach()"
      stop(h)
    end)
  end
end)

-- Run as prosody loads the module: both pools at work, and a third only made.
local BEFORE_FORK = [[
  local kept = ...
  local tandem = require "tandem"
  kept.thread = tandem.thread_pool { max_workers = 2, name = "before" }
  kept.process = tandem.process_pool { max_workers = 2, name = "before" }
  kept.unused = tandem.thread_pool(2)
  kept.fd = tandem.fileno()
  kept.early = {
    kept.thread:submit("fixtures.inside:sleep", 600),
    kept.process:submit("fixtures.inside:sleep", 600),
  }
  for _, name in ipairs { "thread", "process" } do
    while kept[name]:stats().running < 1 do tandem.sleep(0.002) end
  end
]]

-- The pid file tells which process it is by now.
local function find_daemon(h)
  h.server.pid = h:pid()
  assert.equal(tostring(h.server.pid),
               files.read(h.server.folder .. "/prosody.pid"))
  return h
end

local function end_daemon(h)
  h.server:signal("TERM")
  processes.wait_gone(h.server.pid)
  h.server:assert_gone()
  assert.equal(0, h.server:status()) -- of the one that forked
  local log = h.server:log()
  assert.matches("Shutdown complete", log, 1, true)
  assert.is_nil(log:find("Traceback", 1, true), log)
end

describe("prosody as a daemon", function()
  after_each(server.end_all)

  local function start(before)
    local h = host.start(kind, { daemon = true, at_load = before })
    assert.equal("true", files.read(h.server.folder .. "/load.lua.out"))
    return find_daemon(h)
  end

  it("has nothing of a pool that was used before its fork", function()
    local h = start(BEFORE_FORK)
    -- The workers of the one that forked have gone with it.
    check.eventually(function() return #h.server:remains() == 1 end,
                     "end of the workers from before the fork")
    for _, name in ipairs { "thread", "process" } do
      assert.equal("false\nclosed", table.concat({ h:ask(([[
        local ok, err = pcall(kept.%s.submit, kept.%s, "fixtures.basic:echo")
        return ok, err.kind
      ]]):format(name, name)) }, "\n"))
    end
    local function said(call)
      return (h:ask(("return select(2, pcall(%s))"):format(call)))
    end
    assert.matches("belongs to the process that forked this one",
      said "kept.thread.call, kept.thread, 'fixtures.basic:echo'", 1, true)
    for i = 1, 2 do
      local result = ("kept.early[%d].result, kept.early[%d], 5"):format(i, i)
      assert.matches("belongs to the process that forked this one",
                     said(result), 1, true)
    end
    assert.equal("3", (h:ask(
      "return kept.unused:call('fixtures.basic:add', 1, 2)")))
    end_daemon(h)
  end)

  it("collects it without harm", function()
    local h = start(BEFORE_FORK)
    h:ask "for name in pairs(kept) do kept[name] = nil end"
    h:ask "collectgarbage() collectgarbage()"
    h:ask "return tandem.poll()"
    end_daemon(h)
  end)

  it("has forked before handlers that come late at its start", function()
    local h = start [[
      local kept = ...
      prosody.events.add_handler("server-started", function()
        local tandem = require "tandem"
        for _, name in ipairs { "thread", "process" } do
          kept[name] = tandem[name .. "_pool"](2)
          kept[name]:call("fixtures.basic:echo")
        end
      end, -1)
    ]]
    for _, name in ipairs { "thread", "process" } do
      h:ask(("assert(kept.%s:call('fixtures.basic:add', 1, 2) == 3)")
            :format(name))
    end
    end_daemon(h)
  end)

  for _, before in ipairs { "", BEFORE_FORK } do
    it("makes pools after its fork, " .. (before == "" and "the first"
                                          or "when there were some"),
      function()
        local h = start(before)
        h:ask [[
          kept.answers = {}
          kept.watch = require "net.server".watchfd(tandem.fileno(), function()
            tandem.poll()
          end)
          for _, name in ipairs { "thread", "process" } do
            kept[name] = tandem[name .. "_pool"] { max_workers = 2,
                                                   exit_timeout = 0.3 }
            assert(kept[name]:call("fixtures.basic:add", 1, 2) == 3)
            kept[name]:submit("fixtures.basic:echo", name):on_done(function(f)
              kept.answers[f:result()] = true
            end)
          end
        ]]
        -- The loop alone brings them: this asks for no tandem.poll.
        check.eventually(function()
          return h:ask "return kept.answers.thread and kept.answers.process"
            == "true"
        end, "answers by the event loop")
        h:ask [[
          for _, name in ipairs { "thread", "process" } do
            kept[name]:submit("fixtures.inside:sleep", 600)
          end
        ]]
        end_daemon(h)
      end)
  end
end)

local function describe_example(backend)
  local function start(options)
    local site = host.copy("prosody", "mod_primes.lua", "timeout = 10,",
                           "timeout = 1000,")
    options = options or {}
    options.site, options.backend = site, backend
    options.env = { LUA_PATH = site .. "/?.lua;" .. package.path }
    return host.start(kind, options)
  end

  local function get(h, path)
    return http.get(h.server.port, "/primes/" .. path)
  end

  local function wait_for_count(h, count)
    check.eventually(function()
      return select(2, get(h, "")) == count .. "\n"
    end, count .. " requests under way")
  end

  -- By libevent, prosody does not see that of a handler that waits.
  local function hang_up(h, connections)
    for _, connection in ipairs(connections) do connection:close() end
    if backend == "event" then return end
    wait_for_count(h, 0)
    assert.equal("168\n", select(2, get(h, "1000")))
  end

  -- More than can be counted by the end of the test.
  local function send_long(h, count)
    local connections = {}
    for i = 1, count do
      connections[i] = http.send(h.server.port, "/primes/100000000")
    end
    wait_for_count(h, count)
    return connections
  end

  it("counts", function()
    local h = start()
    for limit, count in pairs { [1] = 0, [3] = 1, [100] = 25, [1000] = 168,
                                [50000] = 5133 } do
      local status, body = get(h, limit)
      assert.equal(200, status, body)
      assert.equal(count .. "\n", body)
    end
    for _, wrong in ipairs { "x", "0", "-1", "1.5", "1e9" } do
      assert.equal(400, (get(h, wrong)), wrong)
    end
    stop(h)
  end)

  it("counts in a daemon, with a pool from before its fork", function()
    local h = find_daemon(start { daemon = true })
    for _ = 1, 3 do assert.equal("168\n", select(2, get(h, "1000"))) end
    hang_up(h, send_long(h, 6))
    end_daemon(h)
  end)

  it("answers others while it counts", function()
    local h = start()
    local connections = send_long(h, 6)
    for _ = 1, 21 do assert.equal("6\n", select(2, get(h, ""))) end
    -- Who hangs up makes room.
    hang_up(h, connections)
    stop(h)
  end)

  it("is reloaded while it counts, and tells those who wait", function()
    local h = start()
    local threads
    for _ = 1, 5 do
      local connections = send_long(h, 6)
      threads = threads or host.belongings(h.server.pid).threads
      kind.reload_module(h, "primes")
      for _, connection in ipairs(connections) do
        local status, body = http.receive(connection)
        assert.equal(503, status)
        assert.matches("cancelled", body, 1, true)
      end
      wait_for_count(h, 0)
      assert.equal("168\n", select(2, get(h, "1000")))
    end
    assert.is_true(host.belongings(h.server.pid).threads <= threads)
    stop(h)
  end)

  it("counts on while the configuration is read anew", function()
    local h = start()
    local connections = send_long(h, 6)
    for i = 1, 5 do
      h.server:signal("HUP")
      check.eventually(function()
        local _, n = h.server:log():gsub("Reloading configuration", "")
        return n == i
      end, "reload")
    end
    wait_for_count(h, 6)
    hang_up(h, connections)
    stop(h)
  end)

  for _, daemon in ipairs { false, true } do
    it("is told to end while it counts" .. (daemon and ", as a daemon" or ""),
      function()
        local h = start { daemon = daemon }
        local connections = send_long(h, 6)
        if daemon then
          h.server.pid = math.tointeger(tonumber(
            files.read(h.server.folder .. "/prosody.pid")))
        end
        stop(h)
        processes.wait_gone(h.server.pid)
        for _, connection in ipairs(connections) do connection:close() end
      end)
  end
end

for _, backend in ipairs { "epoll", "event" } do
  describe("the example of prosody, by " .. backend .. ",", function()
    after_each(server.end_all)
    describe_example(backend)
  end)
end
