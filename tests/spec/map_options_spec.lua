--- map's options: order, buffer, progress, and what it refuses.
local check = require "spec.support.check"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local run_script = require "spec.support.script"
local tandem = require "tandem"

-- An endless iterator that counts what was taken from it.
local function endless()
  local taken = 0
  return function()
    taken = taken + 1
    return taken
  end, function() return taken end
end

describe("map's buffer", function()
  for_each_pool(function(new_pool)
    it("bounds the items taken ahead of the reader", function()
      local pool = new_pool(2)
      for _, buffer in ipairs { 1, 2, 5, 2.0 } do
        local items, taken = endless()
        local iterator <close> = pool:map("fixtures.basic:square", items,
          { buffer = buffer, chunk = 1 })
        assert.is_true(taken() <= buffer)
        for read = 1, 10 do
          assert.same({ read, read * read }, { iterator() })
          assert.is_true(taken() <= read + buffer)
        end
      end
    end)

    it("is there by default: an endless input is fine", function()
      local pool = new_pool(2)
      local items, taken = endless()
      local seen = {}
      for i, v in pool:map("fixtures.basic:square", items) do
        seen[i] = v
        if i == 3 then break end
      end
      assert.same({ 1, 4, 9 }, seen)
      assert.is_true(taken() < 1e6)
    end)

    it("may be smaller than the chunk", function()
      local list = new_pool(2):map("fixtures.basic:square", { 1, 2, 3, 4, 5 },
                                   { chunk = 4, buffer = 2 }):collect()
      assert.same({ 1, 4, 9, 16, 25 }, list)
    end)
  end)
end)

describe("map's order", function()
  for_each_pool(function(new_pool)
    it("is that of the input, whatever ends first", function()
      local pool, gate = new_pool(2), gates.new()
      gate:open_later(0.02)
      local items = { { gate.path, "held" }, { false, "quick" } }
      local rows = check.drain(pool:map("fixtures.gate:item", items,
                                        { chunk = 1 }))
      assert.same({ { 1, "held" }, { 2, "quick" } }, rows)
    end)

    it("is that of completion, if not ordered", function()
      local pool, gate = new_pool(2), gates.new()
      local items = { { gate.path, "held" }, { false, "a" }, { false, "b" } }
      local iterator = pool:map("fixtures.gate:item", items,
                                { chunk = 1, ordered = false })
      local quick = {}
      for _ = 1, 2 do
        local i, v = iterator()
        quick[i] = v
      end
      assert.same({ [2] = "a", [3] = "b" }, quick)
      gate:open()
      assert.same({ 1, "held" }, { iterator() })
      assert.is_nil((iterator()))
    end)

    it("if not that of the input, still has failures with index", function()
      local pool, gate = new_pool(2), gates.new()
      local iterator = pool:starmap("fixtures.gate:fail",
        { { gate.path, "late" }, { gate.path, "late" } },
        { chunk = 1, ordered = false, on_error = "collect" })
      gate:open()
      local indices = {}
      for i, v, err in iterator do
        assert.is_nil(v)
        assert.equal("late", err)
        indices[#indices + 1] = i
      end
      check.same_members({ 1, 2 }, indices)
    end)
  end, { concurrent = true })
end)

describe("map's progress", function()
  for_each_pool(function(new_pool)
    it("calls a function with what is done, and of how many", function()
      local pool, calls = new_pool(2), {}
      local function note(...) calls[#calls + 1] = { ... } end
      local iterator = pool:map("fixtures.basic:square", { 1, 2, 3, 4 },
                                { chunk = 1, progress = note })
      assert.same({ 1, 4, 9, 16 }, iterator:collect())
      assert.is_true(#calls > 0)
      local last = 0
      for _, call in ipairs(calls) do
        assert.is_true(call[1] >= last)
        assert.equal(4, call[2])
        last = call[1]
      end
      assert.equal(4, last)
    end)

    it("knows no total where the input does not tell", function()
      local pool, last, total = new_pool(2), nil, false
      local i = 0
      local function items()
        i = i + 1
        if i <= 3 then return i end
      end
      pool:map("fixtures.basic:square", items, {
        progress = function(done, of) last, total = done, of end,
      }):collect()
      assert.equal(3, last)
      assert.is_true(total == nil or total == 3)
    end)
  end)

  local SCRIPT = [[
    local tandem = require "tandem"
    local pool <close> = tandem.thread_pool(2)
    local sum = 0
    for _, v in pool:map("fixtures.basic:square", tandem.range(1, 1000),
                         { progress = true }) do
      sum = sum + v
    end
    print(sum)
  ]]

  it("is plain lines on stderr where that is no terminal", function()
    local code, out, err = run_script(SCRIPT)
    assert.equal(0, code, err)
    assert.equal("333833500\n", out)
    assert.is_nil(err:find("[\r\27]"))
  end)

  it("is a bar where it is a terminal", function()
    local code, out = run_script(SCRIPT, { terminal = true })
    assert.equal(0, code, out)
    assert.matches("333833500", out, 1, true)
    assert.matches("100", out, 1, true)
    assert.is_truthy(out:find("\r[^\n]"))
  end)
end)

describe("map refuses", function()
  local WRONG = {
    chunk = { 0, -1, 1.5, "x", "3", true, {}, 0 / 0, math.huge },
    buffer = { 0, -1, 2.5, "foo", "3", true, {}, 0 / 0 },
    ordered = { 1, "yes", {} },
    on_error = { "ignore", 1, true, {} },
    timeout = { "1", true, {} },
    progress = { 1, "yes", {} },
  }

  for_each_pool(function(new_pool)
    for name, values in pairs(WRONG) do
      it("a wrong " .. name .. ", before it takes any input", function()
        local pool, items, taken = new_pool(1), endless()
        for _, value in ipairs(values) do
          check.misuse(name, pool.map, pool, "fixtures.basic:echo", items,
                       { [name] = value })
        end
        assert.equal(0, taken())
      end)
    end

    it("unknown options", function()
      local pool = new_pool(1)
      check.misuse_of("chunks", pool, "map", "fixtures.basic:echo", {},
                   { chunks = 1 })
      check.raises(pool.map, pool, "fixtures.basic:echo", {}, { 1 })
    end)

    it("what is no input", function()
      local pool = new_pool(1)
      for _, method in ipairs { "map", "starmap" } do
        check.misuse_of("bad argument #2", pool, method,
                     "fixtures.basic:echo")
        for _, bad in ipairs { 42, "text", true, io.stdout } do
          check.misuse_of("bad argument #2", pool, method,
                       "fixtures.basic:echo", bad)
        end
      end
    end)

    it("what are no options", function()
      local pool = new_pool(1)
      for _, bad in ipairs { 42, "text", true, print } do
        check.misuse_of("bad argument #3", pool, "map",
                        "fixtures.basic:echo",
                     {}, bad)
      end
    end)

    it("what is no task", function()
      local pool = new_pool(1)
      for _, bad in ipairs { 42, true, {}, "a:b:c", "" } do
        check.misuse_of("bad argument #1", pool, "map", bad, {})
      end
    end)

    it("to go on in a pool that is shut down", function()
      local pool = new_pool(1)
      pool:shutdown()
      check.kind("closed", function()
        return pool:map("fixtures.basic:echo", { 1, 2 }):collect()
      end)
    end)
  end)

  it("what is no range", function()
    for _, bad in ipairs { "1", {}, true, print } do
      check.misuse("bad argument #1", tandem.range, bad, 2)
      check.misuse("bad argument #2", tandem.range, 1, bad)
      check.misuse("bad argument #3", tandem.range, 1, 2, bad)
    end
    check.misuse("bad argument #3", tandem.range, 1, 2, 0)
    check.misuse("bad argument #2", tandem.range, 1)
  end)
end)
