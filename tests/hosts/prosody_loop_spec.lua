--- tandem.prosody: in the event loop of prosody, used without the server.
--
-- Loading `net.server` wants a configured prosody, so a backend of it is taken.
local PROSODY = "/usr/lib/prosody/"
package.path = package.path .. ";" .. PROSODY .. "?.lua"
package.cpath = package.cpath .. ";" .. PROSODY .. "?.so"
package.loaded["net.server"] = require "net.server_epoll"

local async = require "util.async"
local check = require "spec.support.check"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local loop_cases = require "spec.support.loop_cases"
local server = require "net.server"
local tandem = require "tandem"
local prosody = require "tandem.prosody"

-- A turn ends with an event, and not with a timer that has run: so there is one
-- more, now and then. It does not call tandem.
local function turn_until(condition)
  local deadline = tandem.now() + check.BOUND
  local beat = server.add_task(0.01, function() return 0.01 end)
  while not condition() and tandem.now() < deadline do server.loop(true) end
  server.timer.stop(beat)
  assert(condition(), "the coroutines do not end")
end

local function new_loop()
  local errors, active = {}, 0
  tandem.on_callback_error = function(err) errors[#errors + 1] = err end
  local function ended() active = active - 1 end
  local watchers = {}
  function watchers.error(_, err)
    errors[#errors + 1] = err
    ended()
  end
  local function spawn(fn, ...)
    local arguments = table.pack(...)
    active = active + 1
    async.runner(function(task)
      task(table.unpack(arguments, 1, arguments.n))
      ended()
    end, watchers):run(fn)
  end
  local function run()
    turn_until(function() return active == 0 end)
    local list = errors
    errors = {}
    return list
  end
  return { name = "prosody", spawn = spawn, run = run }
end

describe("tandem.await in prosody's loop", function()
  loop_cases(new_loop, for_each_pool)
end)

describe("tandem.prosody", function()
  for_each_pool(function(new_pool)
    local function held(...)
      local pool, gate = new_pool(2), gates.new()
      local future = pool:submit("fixtures.gate:wait", gate.path, ...)
      gate:wait_started(1)
      return future, gate
    end

    it("runs callbacks from the loop", function()
      local future, gate = held("called")
      local got
      future:on_done(function(f) got = f:result() end)
      gate:open_later(0.02)
      turn_until(function() return got end)
      assert.equal("called", got)
    end)

    it("serves a loop that goes on after all was closed", function()
      local future, gate = held("again")
      server.setquitting(true)
      server.loop()
      server.setquitting(false)
      local loop, got = new_loop(), nil
      loop.spawn(function() got = tandem.await(future) end)
      gate:open_later(0.02)
      assert.same({}, loop.run())
      assert.equal("again", got)
    end)

    it("can be detached, and what waits goes on when it is back", function()
      local future, gate = held("back")
      local loop, got = new_loop(), nil
      loop.spawn(function() got = tandem.await(future) end)
      prosody.detach()
      prosody.detach()
      gate:open()
      check.eventually(function() return future:done() end, "the result")
      local ticked = false
      server.add_task(0.05, function() ticked = true end)
      turn_until(function() return ticked end)
      assert.is_nil(got)
      prosody.attach()
      prosody.attach()
      assert.same({}, loop.run())
      assert.equal("back", got)
    end)
  end, { concurrent = true })
end)
