--- What the garbage collector may and may not do.
local check = require "spec.support.check"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local memory = require "spec.support.memory"
local scale = require "spec.support.scale"

local function collect()
  collectgarbage()
  collectgarbage()
end

describe("collection", function()
  for_each_pool(function(new_pool, kind)
    it("takes futures in any order, and does not wait for them", function()
      local pool = new_pool(2)
      for i = 1, scale.down(20000) do
        pool:submit("fixtures.basic:echo", i)
        if i % 1000 == 0 then collect() end
      end
      assert.equal(1, pool:call("fixtures.basic:echo", 1))
    end)

    it("may go on all the time while tasks are submitted", function()
      local pool = new_pool(2)
      local mode = collectgarbage("generational")
      local ok, err = pcall(function()
        for i = 1, scale.down(5000) do
          pool:submit("fixtures.basic:echo", { i, tostring(i) })
          if i % 50 == 0 then collectgarbage("step") end
        end
      end)
      collectgarbage(mode)
      assert.is_true(ok, err)
      assert.same({ "ok" }, pool:call("fixtures.basic:echo", { "ok" }))
    end)

    it("of a pool without shutdown ends it", function()
      for _ = 1, 20 do
        new_pool(2, "loose"):call("fixtures.basic:echo")
      end
      collect()
    end)

    it("of a pool leaves finished futures readable", function()
      local f = new_pool(2, "loose"):submit("fixtures.basic:echo", { "kept" })
      assert.is_true(f:wait(check.BOUND))
      collect()
      assert.same({ "kept" }, f:result())
    end)

    it("leaves the memory flat over very many tasks", function()
      local pool = new_pool(2)
      -- As many at a time as there can be: none runs before all are there.
      local function round(n)
        local gate = gates.new()
        for _ = 1, kind ~= "serial" and 2 or 0 do
          pool:submit("fixtures.gate:wait", gate.path)
        end
        for i = 1, n do pool:submit("fixtures.basic:square", i) end
        gate:open()
        pool:call("fixtures.basic:echo")
      end
      local n = scale.down(20000)
      for _ = 1, 3 do round(n) end
      collect()
      local before = memory.resident()
      for _ = 1, 5 do round(n) end
      collect()
      if not scale.sanitized then
        assert.is_true(memory.resident() - before < 8 << 20)
      end
      assert.equal(1, pool:call("fixtures.basic:echo", 1))
    end)

    it("frees in the worker what a task has left", function()
      local pool = new_pool(1)
      local before = pool:call("fixtures.state:heap")
      pool:call("fixtures.state:litter", 10 << 20)
      pool:call("fixtures.basic:echo", ("x"):rep(10 << 20))
      assert.is_true(pool:call("fixtures.state:heap") - before < 1 << 20)
    end)
  end)

  for_each_pool(function(new_pool)
    it("of a pool settles every future that is still held", function()
      local gate, futures = gates.new(), {}
      do
        local pool = new_pool({ max_workers = 1, exit_timeout = 10 }, "loose")
        for i = 1, 5 do
          futures[i] = pool:submit("fixtures.gate:wait", gate.path, i)
        end
        gate:wait_started(1)
      end
      gate:open()
      collect()
      for i, f in ipairs(futures) do
        local err = f:error(check.BOUND)
        if f:status() == "cancelled" then
          assert.equal("cancelled", err.kind)
        else
          assert.equal("done", f:status())
          assert.equal(i, f:result())
        end
      end
    end)

    it("of a pool stops tasks that sleep, though nobody waits", function()
      local gate = gates.new()
      do
        local pool = new_pool({ max_workers = 1, exit_timeout = 10 }, "loose")
        pool:submit("fixtures.gate:sleep", gate.path, 60)
        pool:submit("fixtures.gate:pass_by", gate.path)
        gate:wait_started(1)
      end
      collect()
      -- The leak check sees that the worker is gone.
      assert.equal(1, gate:started())
    end)

    it("of a running future does not wait for it", function()
      local pool, gate = new_pool(1), gates.new()
      pool:submit("fixtures.gate:wait", gate.path)
      gate:wait_started(1)
      collect()
      local behind = pool:submit("fixtures.basic:echo", "behind")
      assert.is_false(behind:wait(0))
      gate:open()
      assert.equal("behind", behind:result(check.BOUND))
    end)
  end, { concurrent = true })
end)
