--- Maps whose items are stopped, fail, or are left: limits, errors, breaks.
local check = require "spec.support.check"
local files = require "spec.support.files"
local for_each_pool = require "spec.support.pools"
local scale = require "spec.support.scale"

if scale.defers_signals then
  pending("stopping items, where signals are put off")
  return
end

local ITEM, SUM = "fixtures.halting:item", "fixtures.halting:sum"

-- What map gave, by index: "=value" or "!kind".
local function outcomes(iterator)
  local list = {}
  for i, value, err in iterator do
    list[i] = err == nil and "=" .. value
      or "!" .. (type(err) == "table" and err.kind or err)
  end
  return list
end

for _, ordered in ipairs { true, false } do
  describe(ordered and "a map, in order," or "a map, as completed,", function()
    for_each_pool(function(new_pool)
      it("goes on after an item that ran out of its time", function()
        check.patiently(function(seconds)
          local view = new_pool(2):with { timeout = seconds }
          assert.same({ "=2", "!timeout", "=4", "!item -1", "=6" },
            outcomes(view:map(ITEM, { 1, 0, 2, -1, 3 },
                              { on_error = "collect", ordered = ordered })))
        end)
      end)

      it("does so with the pool's own limit, and lists of arguments", function()
        check.patiently(function(seconds)
          local pool = new_pool { max_workers = 2, timeout = seconds }
          assert.same({ "=6", "!timeout", "=2" },
            outcomes(pool:starmap(SUM, { { 1, 2 }, { 1, -1 }, { 0, 1 } },
                                  { on_error = "collect", ordered = ordered })))
        end)
      end)

      it("raises an item's timeout, and cancels the rest", function()
        local pool = new_pool(1)
        local err = check.kind("timeout", function()
          for _ in pool:with { timeout = 0.2 }:map(ITEM, { 1, 0, 2, 3, 4, 5 },
                                                   { ordered = ordered }) do
          end
        end)
        assert.equal(0.2, math.floor(err.limit * 1000 + 0.5) / 1000)
        assert.is_true(pool:shutdown { timeout = check.BOUND })
      end)

      it("has a limit of its own, which stops the waiting alone", function()
        check.patiently(function(seconds)
          local pool = new_pool(1)
          check.kind("timeout", function()
            pool:map(ITEM, { 1, 0, 2 }, { timeout = seconds, chunk = 1,
                                          ordered = ordered }):collect()
          end)
          assert.equal(1, pool:stats().running)
          assert.is_true(pool:shutdown { kill = true, timeout = check.BOUND })
        end)
      end)

      it("that is left early lets go of what has not started", function()
        local pool = new_pool(1)
        for i, value in pool:map(ITEM, { 1, 0, 2, 3, 4 },
                                 { chunk = 1, ordered = ordered }) do
          assert.equal(2 * i, value)
          if i == 1 then break end
        end
        assert.equal(0, pool:stats().pending)
        assert.is_true(pool:shutdown { kill = true, timeout = check.BOUND })
      end)

      it("of a task ends with the task that is told to end", function()
        local pool, mark = new_pool(2), files.directory() .. "/started"
        local future = pool:submit("fixtures.halting:map", mark, { 1, 0, 0, 2 })
        check.eventually(function() return #files.read(mark) == 1 end,
                         "the task at its map")
        assert.is_true(future:cancel("interrupt"))
        assert.is_true(future:wait(check.BOUND))
        check.kind("cancelled", future.result, future)
        assert.is_true(pool:shutdown { timeout = check.BOUND })
      end)
    end, { concurrent = true })
  end)
end
