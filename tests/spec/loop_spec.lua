--- tandem.loop: event loops of one's own, and several in one state.
local check = require "spec.support.check"
local cqueues = require "cqueues"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local loop_cases = require "spec.support.loop_cases"
local loops = require "spec.support.loops"
local loop = require "tandem.loop"
local run_script = require "spec.support.script"
local tandem = require "tandem"
local tandem_luv = require "tandem.luv"
local uv = require "luv"
require "tandem.cqueues"

describe("tandem.await in a loop by hand", function()
  loop_cases(loops.by_hand, for_each_pool)
end)

describe("tandem.loop", function()
  it("refuses options that it does not know", function()
    check.misuse("unknown option 'held'", loop.attach, { held = print })
    check.misuse("bad option 'hold'", loop.attach, { hold = true })
    check.misuse("bad option 'exact'", loop.attach, { exact = 1 })
    check.misuse("bad argument #1 to 'attach'", loop.attach, 42)
  end)

  for_each_pool(function(new_pool)
    local function held(...)
      local pool, gate = new_pool(2), gates.new()
      local future = pool:submit("fixtures.gate:wait", gate.path, ...)
      gate:wait_started(1)
      return future, gate, pool
    end

    it("says when callbacks are to come, and when no more are", function()
      local told = {}
      local mine = loop.attach {
        hold = function(yes) told[#told + 1] = yes end,
      }
      local future, gate = held()
      assert.same({}, told)
      future:on_done(function() end):on_done(function() end)
      assert.same({ true }, told)
      gate:open()
      while tandem.poll(check.BOUND) == 0 do end
      assert.same({ true, false }, told)
      mine:detach()
    end)

    -- The loop was not told where that was before it first asked for the
    -- descriptor, and slept for ever.
    it("says so, too, when they have run in a blocking call", function()
      local told = {}
      local mine = loop.attach {
        hold = function(yes) told[#told + 1] = yes end,
      }
      local future, gate, pool = held()
      local done = pool:submit("fixtures.basic:echo")
      assert.is_true(done:wait(check.BOUND))
      future:on_done(function() end)
      gate:open()
      assert.is_true(future:wait(check.BOUND))
      assert.same({ true, false }, told)
      -- And in a callback that is called at once.
      local inner, inner_gate = held()
      inner:on_done(function() end)
      assert.same({ true, false, true }, told)
      inner_gate:open()
      done:on_done(function() inner:wait(check.BOUND) end)
      assert.same({ true, false, true, false }, told)
      mine:detach()
    end)

    it("tells one that is attached late, or detached early", function()
      local told = {}
      local future, gate = held()
      future:on_done(function() end)
      local mine = loop.attach {
        hold = function(yes) told[#told + 1] = yes end,
      }
      assert.same({ true }, told)
      mine:detach()
      mine:detach()
      assert.same({ true, false }, told)
      gate:open()
      while tandem.poll(check.BOUND) == 0 do end
      assert.same({ true, false }, told)
    end)

    it("raises what it says when it is told, and is told again", function()
      local told, works = 0, false
      local mine = loop.attach {
        hold = function(yes)
          told = told + 1
          if yes and not works then error("no descriptor left", 0) end
        end,
      }
      local future, gate = held()
      for _ = 1, 2 do
        local _, err = coroutine.wrap(function()
          return pcall(tandem.await, future)
        end)()
        assert.equal("no descriptor left", err)
      end
      works = true
      assert.equal(4, told)
      local got
      coroutine.wrap(function() tandem.await(future) got = true end)()
      assert.equal(5, told)
      gate:open()
      while tandem.poll(check.BOUND) == 0 do end
      assert.is_true(got)
      mine:detach()
    end)

    it("has timeouts only where there are timers", function()
      local mine = loop.attach()
      local future, gate = held("in the end")
      local said, got
      coroutine.wrap(function()
        said = check.misuse("without timers", tandem.await, future, 1)
        check.kind("timeout", tandem.await, future, 0)
        got = tandem.await(future)
      end)()
      assert.is_truthy(said)
      gate:open()
      while tandem.poll(check.BOUND) == 0 do end
      assert.equal("in the end", got)
      mine:detach()
    end)

    it("asks a loop that knows its own coroutines first", function()
      local order = {}
      local function waiter(name, is_mine)
        return function()
          order[#order + 1] = name
          if not is_mine then return nil end
          local co = coroutine.running()
          return coroutine.yield, function() coroutine.resume(co) end
        end
      end
      local attached = {
        loop.attach { waiter = waiter("exact"), exact = true },
        loop.attach { waiter = waiter("first", true) },
        loop.attach { waiter = waiter("latest") },
      }
      local future, gate = held("found")
      local got = {}
      coroutine.wrap(function() got[1] = tandem.await(future) end)()
      assert.same({ "exact", "latest", "first" }, order)
      coroutine.wrap(function() got[2] = attached[2]:await(future) end)()
      assert.same({ "exact", "latest", "first", "first" }, order)
      gate:open()
      while tandem.poll(check.BOUND) == 0 do end
      assert.same({ "found", "found" }, got)
      for _, one in ipairs(attached) do one:detach() end
    end)

    it("waits in the loops of several libraries at once", function()
      local of_luv, of_cqueues = loops.luv(), cqueues.new()
      local future, gate = held("for both")
      local got = {}
      of_cqueues:wrap(function()
        local value = tandem.await(future)
        got[#got + 1] = value
      end)
      of_luv.spawn(function()
        local value = tandem_luv.await(future)
        got[#got + 1] = value
      end)
      -- luv drives the controller, as programs do that have both.
      local poll = uv.new_poll(of_cqueues:pollfd())
      local function turn()
        repeat assert(of_cqueues:step(0)) until of_cqueues:timeout() ~= 0
        if of_cqueues:empty() then poll:close() end
      end
      poll:start("r", turn)
      turn()
      gate:open_later(0.02)
      assert.same({}, of_luv.run())
      assert.same({ "for both", "for both" }, got)
    end)
  end, { concurrent = true })

  for_each_pool(function(new_pool)
    it("is there in a task as well", function()
      local pool = new_pool(1)
      assert.same({ "by hand", "blocked", 1 },
                  { pool:submit("fixtures.awaiting:in_a_loop")
                      :result(check.BOUND) })
    end)
  end)

  local LOOPS = {
    luv = [[
      local uv = require "luv"
      coroutine.wrap(body)()
      uv.run()
    ]],
    cqueues = [[
      local cq = require("cqueues").new()
      cq:wrap(body)
      assert(cq:loop())
    ]],
  }
  for name, run in pairs(LOOPS) do
    it("attaches the loop that the program has loaded: " .. name, function()
      local code, out, err = run_script([[
        local tandem = require "tandem"
        local pool <close> = tandem.thread_pool(1)
        local function body()
          print(tandem.await(pool:submit("fixtures.inside:sleep", 0.05)))
          print(tandem.await(pool:submit("fixtures.basic:add", 1, 2)))
        end
      ]] .. run)
      assert.equal("", err)
      assert.equal(0, code)
      assert.matches("\n3\n$", "\n" .. out)
    end)
  end

  it("says what to do where no loop is attached", function()
    local code, out, err = run_script [[
      local tandem = require "tandem"
      local pool <close> = tandem.thread_pool(1)
      local future = pool:submit("fixtures.basic:echo", 1)
      future:wait()
      print(pcall(tandem.await, future))
      print(coroutine.resume(coroutine.create(function()
        local value = tandem.await(future)
        return value
      end)))
    ]]
    assert.equal("", err)
    assert.equal(0, code)
    local _, times = out:gsub(
      "await: no event loop is attached: require \"tandem.luv\"", "")
    assert.equal(2, times, out)
    for _, line in ipairs { 5, 7 } do
      assert.is_truthy(out:find("script.lua:" .. line .. ": await", 1, true),
                       out)
    end
  end)
end)
