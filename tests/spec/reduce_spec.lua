--- reduce: maps, folds in the workers, folds the rest in order.
local check = require "spec.support.check"
local for_each_pool = require "spec.support.pools"
local scale = require "spec.support.scale"
local tandem = require "tandem"

describe("reduce", function()
  for_each_pool(function(new_pool)
    local function sum_of_squares(items, opts)
      return new_pool(2):reduce("fixtures.basic:square", "fixtures.basic:add",
                                items, opts)
    end

    it("folds the results", function()
      assert.equal(30, sum_of_squares { 1, 2, 3, 4 })
      assert.equal(30, sum_of_squares(tandem.range(1, 4)))
    end)

    it("of one item is its result, and of none is nil", function()
      assert.equal(49, sum_of_squares { 7 })
      assert.is_nil(sum_of_squares {})
      assert.is_nil(sum_of_squares(function() end))
    end)

    it("keeps the order, for what does not commute", function()
      local pool = new_pool(3)
      local letters = {}
      for i = 1, 100 do letters[i] = string.char(32 + i % 90) .. i end
      local expected = table.concat(letters)
      for _, chunk in ipairs { 1, 3, 7, 100, 1000, "auto" } do
        assert.equal(expected, pool:reduce("fixtures.basic:echo",
          "fixtures.basic:concat", letters, { chunk = chunk }))
      end
    end)

    it("takes functions of the script's own", function()
      local longest = new_pool(2):reduce(
        function(word) return #word end,
        function(a, b) return a > b and a or b end,
        { "a", "bbb", "cc" })
      assert.equal(3, longest)
    end)

    it("folds very many items", function()
      local n = scale.down(200000)
      assert.equal(n * (n + 1) * (2 * n + 1) // 6,
                   sum_of_squares(tandem.range(1, n)))
    end)

    it("raises the error of an item, unchanged", function()
      local pool = new_pool(2)
      local err = check.raises(pool.reduce, pool, "fixtures.failing:raise",
                               "fixtures.basic:add", { { code = 3 } })
      assert.same({ code = 3 }, err)
      err = check.raises(pool.reduce, pool, "fixtures.basic:fail_on",
                         "fixtures.basic:add", { 1, 2, 3, 4 }, { chunk = 1 })
      assert.equal("item 3", err)
      assert.equal(1, pool:call("fixtures.basic:echo", 1))
    end)

    it("raises the error of the combining task", function()
      local pool = new_pool(2)
      for _, chunk in ipairs { 1, 4, "auto" } do
        local err = check.raises(pool.reduce, pool, "fixtures.basic:echo",
          "fixtures.basic:add", { 1, "x", {}, 4 }, { chunk = chunk })
        assert.matches("attempt to add", tostring(err), 1, true)
      end
    end)

    it("raises the input's own error", function()
      local broken, pool = {}, new_pool(2)
      local err = check.raises(pool.reduce, pool, "fixtures.basic:echo",
        "fixtures.basic:add", function() error(broken) end)
      assert.is_true(rawequal(broken, err))
    end)

    it("fails with kind 'load' for a task that is not there", function()
      local pool = new_pool(2)
      check.kind("load", pool.reduce, pool, "fixtures.basic:nosuch",
                 "fixtures.basic:add", { 1, 2 })
      check.kind("load", pool.reduce, pool, "fixtures.basic:echo",
                 "fixtures.basic:nosuch", { 1, 2 })
    end)

    it("refuses wrong arguments and options", function()
      local pool = new_pool(1)
      local echo, add = "fixtures.basic:echo", "fixtures.basic:add"
      for _, bad in ipairs { 42, true, {}, "a:b:c", "" } do
        check.misuse_of("bad argument #1", pool, "reduce", bad, add, {})
        check.misuse_of("bad argument #2", pool, "reduce", echo, bad, {})
      end
      for _, bad in ipairs { 42, "text", true } do
        check.misuse_of("bad argument #3", pool, "reduce", echo, add, bad)
        check.misuse_of("bad argument #4", pool, "reduce", echo, add, {},
                        bad)
      end
      check.misuse_of("chunk", pool, "reduce", echo, add, {}, { chunk = 0 })
      check.misuse_of("chunks", pool, "reduce", echo, add, {}, { chunks = 1 })
    end)
  end)
end)
