--- Finding the task: names, modules, and what is wrong with them.
local check = require "spec.support.check"
local files = require "spec.support.files"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local run_script = require "spec.support.script"

local BAD_NAMES = {
  "", ":", ":f", "a:", "a:b:c", "a b:f", "a:b c", "a:b..c", "a:.b", "a:b.",
  "a::b", " a:b", "a:b ", "a:b\n", "a\0b:c",
}

local NO_TASKS = { 42, true, {}, setmetatable({}, { __call = print }),
                   io.stdout, coroutine.create(print) }

describe("the name of a task", function()
  for_each_pool(function(new_pool)
    it("leads to a function of a module, however deep", function()
      local pool = new_pool(1)
      assert.equal(4, pool:call("fixtures.basic:square", 2))
      assert.equal(4, pool:call("fixtures.basic:math.double", 2))
      assert.equal(6, pool:call("fixtures.basic:math.deeper.triple", 2))
      assert.equal(2.0, pool:call("math:sqrt", 4))
    end)

    it("may be that of a module that is a function", function()
      assert.equal(3, new_pool(1):call("fixtures.bare", 2))
    end)

    it("may be that of a module that is a callable table", function()
      assert.equal(14, new_pool(1):call("fixtures.callable", 2))
    end)

    it("is checked when it is submitted", function()
      local pool = new_pool(1)
      for _, name in ipairs(BAD_NAMES) do
        check.misuse_of("bad argument #1", pool, "submit", name)
        check.misuse_of("bad argument #1", pool, "call", name)
      end
      assert.equal(0, pool:stats().submitted)
    end)

    it("is a string, or the task a function", function()
      local pool = new_pool(1)
      for _, bad in ipairs(NO_TASKS) do
        check.misuse_of("bad argument #1", pool, "submit", bad)
      end
      check.misuse_of("bad argument #1", pool, "submit")
      check.misuse_of("bad argument #1", pool, "submit", nil, 1)
    end)
  end)
end)

describe("a task that cannot be loaded", function()
  for_each_pool(function(new_pool)
    local function load_error(name)
      local pool = new_pool(1)
      local f = pool:submit(name, 4)
      local err = check.kind("load", f.result, f)
      assert.equal("failed", f:status())
      assert.equal(name, err.task)
      assert.equal("alive", pool:call("fixtures.basic:echo", "alive"))
      return tostring(err) .. (err.message or "") .. (err.traceback or ""), err
    end

    it("for want of a module: says where it was sought", function()
      local text = load_error("no.such.module:f")
      assert.matches("no.such.module", text, 1, true)
      assert.matches("no/such/module.lua", text, 1, true)
      for entry in package.path:gmatch("[^;]+") do
        if entry:sub(1, 1) == "/" then
          assert.is_truthy(text:find(entry, 1, true), entry)
        end
      end
    end)

    it("for want of a function: says which, and of which module", function()
      for _, name in ipairs { "nosuch", "math.nosuch", "nosuch.deeper" } do
        local text = load_error("fixtures.basic:" .. name)
        assert.matches("nosuch", text, 1, true)
        assert.matches("fixtures.basic", text, 1, true)
      end
    end)

    it("because there is nothing to go down into: says where", function()
      for name, what in pairs { ["nosuch.a.b"] = "'nosuch' is nil",
                                ["math.square.a"] = "'math.square' is nil",
                                ["square.a"] = "'square' is function",
                                ["number.a"] = "'number' is number" } do
        local text = load_error("fixtures.basic:" .. name)
        assert.matches("module 'fixtures.basic' has no function '" .. name
                         .. "'", text, 1, true)
        assert.matches(what, text, 1, true)
      end
    end)

    it("because it is no function: says what it is", function()
      assert.matches("number", load_error("fixtures.basic:number"), 1, true)
      assert.matches("table", load_error("fixtures.basic:math"), 1, true)
      assert.matches("table", load_error("fixtures.basic"), 1, true)
    end)

    it("because its module fails: says how", function()
      local text = load_error("fixtures.unloadable:f")
      assert.matches("this module does not load", text, 1, true)
    end)

    it("because its module returned false, or nothing", function()
      load_error("fixtures.returns_false:f")
      load_error("fixtures.returns_nothing:f")
      load_error("fixtures.returns_nothing")
    end)

    it("with a dot for a colon: gives a hint", function()
      local text = load_error("math.sqrt")
      assert.matches("math:sqrt", text, 1, true)
      text = load_error("fixtures.basic.square")
      assert.matches("fixtures.basic:square", text, 1, true)
    end)

    it("has a message of one line", function()
      local _, err = load_error("no.such.module:f")
      assert.is_nil(tostring(err):find("\n", 1, true))
    end)

    it("because its module is no Lua: says where", function()
      local directory = files.directory()
      files.write(directory .. "/broken.lua", "this is no Lua")
      local pool = new_pool { path = directory .. "/?.lua" }
      local f = pool:submit("broken:f")
      local err = check.kind("load", f.result, f)
      assert.matches("broken.lua:1:", err.message, 1, true)
      assert.matches("broken.lua:1:", tostring(err), 1, true)
      assert.is_nil(tostring(err):find("\n", 1, true))
    end)

    it("is tried again, and found once it is there", function()
      local directory = files.directory()
      local pool = new_pool { max_workers = 1, path = directory .. "/?.lua" }
      for _ = 1, 2 do check.kind("load", pool.call, pool, "late:f") end
      files.write(directory .. "/late.lua",
                  "return { f = function() return 'here' end }")
      assert.equal("here", pool:call("late:f"))
    end)
  end)
end)

describe("a module", function()
  for_each_pool(function(new_pool)
    it("is loaded once a worker", function()
      local pool = new_pool(1)
      for i = 1, 5 do assert.equal(i, pool:call("fixtures.basic:calls")) end
    end)

    it("is not read again when its file changes", function()
      local directory = files.directory()
      local path = directory .. "/changing.lua"
      files.write(path, "return function() return 'old' end")
      local pool = new_pool { max_workers = 1, path = directory .. "/?.lua" }
      assert.equal("old", pool:call("changing"))
      files.write(path, "return function() return 'new' end")
      assert.equal("old", pool:call("changing"))
      local other = new_pool { max_workers = 1, path = directory .. "/?.lua" }
      assert.equal("new", other:call("changing"))
    end)
  end)

  for_each_pool(function(new_pool)
    it("in C may be loaded by many workers together", function()
      local pool, gate, futures = new_pool(16), gates.new(), {}
      for i = 1, 16 do
        futures[i] = pool:submit("fixtures.gate:encode_json", gate.path, { i })
      end
      gate:wait_started(16)
      gate:open()
      for i, f in ipairs(futures) do
        assert.equal("[" .. i .. "]", f:result(check.BOUND))
      end
    end)
  end, { concurrent = true })

  it("is never the main script, which runs but once", function()
    local code, out, err = run_script [[
      print("main")
      local tandem = require "tandem"
      local pool <close> = tandem.thread_pool(4)
      for i = 1, 20 do pool:submit("fixtures.basic:echo", i) end
      print(pool:call("fixtures.state:get_global", "arg"))
    ]]
    assert.equal(0, code, err)
    assert.equal("main\nnil\n", out)
  end)
end)
