--- tandem.luv: in the event loop of luv.
local check = require "spec.support.check"
local core = require "tandem.core"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local loop_cases = require "spec.support.loop_cases"
local loops = require "spec.support.loops"
local run_script = require "spec.support.script"
local tandem = require "tandem"
local luv = require "tandem.luv"
local uv = require "luv"

describe("tandem.await in luv", function()
  loop_cases(loops.luv, for_each_pool)
end)

describe("tandem.luv", function()
  local loop

  before_each(function() loop = loops.luv() end)

  it("lets a loop end in which nothing waits", function()
    assert.same({}, loop.run())
    assert.is_false(uv.loop_alive())
  end)

  for_each_pool(function(new_pool)
    local function held(...)
      local pool, gate = new_pool(2), gates.new()
      local future = pool:submit("fixtures.gate:wait", gate.path, ...)
      gate:wait_started(1)
      return future, gate
    end

    it("runs callbacks from the loop, which lasts as long", function()
      local future, gate = held("called")
      local got, depth
      future:on_done(function(f)
        got, depth = f:result(), coroutine.isyieldable()
      end)
      assert.is_true(uv.loop_alive())
      gate:open_later(0.02)
      assert.same({}, loop.run())
      assert.equal("called", got)
      assert.is_false(depth)
      assert.is_false(uv.loop_alive())
    end)

    it("goes on after an error in a callback", function()
      local future, gate = held()
      local others = 0
      future:on_done(function() error("in a callback", 0) end)
      future:on_done(function() others = others + 1 end)
      gate:open_later(0.02)
      assert.same({ "in a callback" }, loop.run())
      assert.equal(1, others)
    end)

    it("is refused in a callback of the loop", function()
      local future, gate = held()
      local said
      local timer = uv.new_timer()
      timer:start(1, 0, function()
        timer:close()
        said = check.misuse("no coroutine", tandem.await, future)
      end)
      assert.same({}, loop.run())
      assert.is_truthy(said)
      gate:open()
    end)

    it("outlives that all handles of the loop are closed", function()
      local future, gate = held("again")
      uv.walk(function(handle) handle:close() end)
      assert.same({}, loop.run())
      local got
      loop.spawn(function() got = tandem.await(future) end)
      gate:open_later(0.02)
      assert.same({}, loop.run())
      assert.equal("again", got)
    end)

    it("can be detached, and what waits goes on when it is back", function()
      local future, gate = held("back")
      local got
      loop.spawn(function() got = tandem.await(future) end)
      luv.detach()
      luv.detach()
      assert.same({}, loop.run())
      gate:open()
      check.eventually(function() return future:done() end, "the result")
      assert.is_nil(got)
      check.misuse("no event loop is attached", tandem.await, future)
      luv.attach()
      luv.attach()
      assert.same({}, loop.run())
      assert.equal("back", got)
    end)

    it("forgets a coroutine that is closed while it waits", function()
      for _, timeout in ipairs { false, 60 } do
        local future, gate = held()
        local co = coroutine.create(function()
          tandem.await(future, timeout or nil)
        end)
        assert(coroutine.resume(co))
        assert.equal("suspended", coroutine.status(co))
        assert.is_true(coroutine.close(co))
        local before = tandem.now()
        assert.same({}, loop.run())
        assert.is_true(tandem.now() - before < check.BOUND / 2)
        assert.equal(0, #core.notes(future).callbacks)
        gate:open()
      end
    end)

    -- A timer of luv counts from the loop's clock, which may be behind.
    it("waits for its whole timeout after a long turn", function()
      local future, gate = held()
      local took, resumed
      local co
      loop.spawn(function()
        co = coroutine.running()
        local until_then = tandem.now() + 0.05
        while tandem.now() < until_then do end
        local before = tandem.now()
        check.kind("timeout", tandem.await, future, 0.04)
        took, resumed = tandem.now() - before, true
      end)
      assert.equal("suspended", coroutine.status(co))
      uv.run("nowait")
      assert.is_nil(resumed)
      assert.same({}, loop.run())
      assert.is_true(took >= 0.04, took .. " s")
      gate:open()
    end)

    it("waits on where somebody else resumes the coroutine", function()
      local future, gate = held("mine")
      local got
      local co = coroutine.create(function() got = tandem.await(future) end)
      for _ = 1, 3 do assert(coroutine.resume(co)) end
      assert.equal("suspended", coroutine.status(co))
      gate:open_later(0.02)
      assert.same({}, loop.run())
      assert.equal("mine", got)
    end)

    it("resumes inside a blocking wait as well", function()
      local future, gate = held("inside")
      local got
      loop.spawn(function() got = tandem.await(future) end)
      gate:open()
      assert.equal("inside", future:result(check.BOUND))
      assert.equal("inside", got)
      assert.same({}, loop.run())
    end)

    it("keeps the loop's own turns while callbacks follow each other",
      function()
        local pool, turns, left = new_pool(1), 0, 10
        local idle = uv.new_idle()
        idle:start(function() turns = turns + 1 end)
        local function add_next()
          local gate = gates.new()
          local future = pool:submit("fixtures.gate:wait", gate.path)
          future:on_done(function()
            left = left - 1
            if left == 0 then idle:close() else add_next() end
          end)
          gate:open()
          check.eventually(function() return future:done() end, "the next one")
        end
        add_next()
        assert.same({}, loop.run())
        assert.equal(0, left)
        assert.is_true(turns >= 9, turns .. " turns")
      end)
  end, { concurrent = true })

  it("ends with a program whose coroutines wait", function()
    local code, out, err = run_script [[
      local tandem = require "tandem"
      local uv = require "luv"
      require "tandem.luv"
      local pool = tandem.thread_pool { max_workers = 1, exit_timeout = 0.1 }
      local future = pool:submit("fixtures.basic:nothing")
      coroutine.wrap(function()
        tandem.await(future)
        tandem.await(pool:submit(function() require("tandem").sleep(60) end))
        print("never")
      end)()
      local timer = uv.new_timer()
      timer:start(50, 0, function() uv.stop() end)
      uv.run()
      print("stopped")
    ]]
    assert.equal("", err)
    assert.equal("stopped\n", out)
    assert.equal(0, code)
  end)
end)
