--- Values that cannot be sent: refused with the path that leads to them.
local check = require "spec.support.check"
local for_each_pool = require "spec.support.pools"
local tandem = require "tandem"

local db = { "an upvalue" }

local function with_upvalue() return db end

local function dead_coroutine()
  local co = coroutine.create(function() end)
  coroutine.resume(co)
  return co
end

local function closed_file()
  local file = io.tmpfile()
  file:close()
  return file
end

-- name -> value, and a word that says what it is
local UNSENDABLE = {
  ["a Lua function"] = { function() end, "function" },
  ["a function with an upvalue"] = { with_upvalue, "'db'" },
  ["a C function"] = { print, "function" },
  ["a suspended coroutine"] = { coroutine.create(print), "coroutine" },
  ["a dead coroutine"] = { dead_coroutine(), "coroutine" },
  ["the running coroutine"] = { coroutine.running(), "coroutine" },
  ["a file"] = { io.stdout, "FILE" },
  ["a closed file"] = { closed_file(), "FILE" },
  ["a table with a metatable"] = { setmetatable({}, {}), "metatable" },
}

local function encode_error(pool, ...)
  return check.kind("encode", pool.submit, pool, "fixtures.basic:echo", ...)
end

describe("an argument that cannot be sent", function()
  for_each_pool(function(new_pool)
    for name, row in pairs(UNSENDABLE) do
      it("makes submit raise: " .. name, function()
        local pool, value, word = new_pool(1), row[1], row[2]
        for _, argument in ipairs { value, { value }, { { x = value } } } do
          local err = encode_error(pool, argument)
          assert.matches(word, tostring(err), 1, true)
          assert.matches("argument #1", tostring(err), 1, true)
        end
        if type(value) ~= "table" then encode_error(pool, { [value] = 1 }) end
        assert.equal(0, pool:stats().submitted)
        assert.equal(1, pool:call("fixtures.basic:echo", 1))
      end)
    end

    it("is named by its path", function()
      local pool = new_pool(1)
      local rows = {
        ["argument #2.cfg.on_error"] = { 1, { cfg = { on_error = print } } },
        ["argument #1"] = { print },
        ["argument #3"] = { 1, 2, io.stdout },
        ["argument #1[42]"] = { { [42] = print } },
        ["argument #1.list[2].fn"] = { { list = { 1, { fn = print } } } },
      }
      for path, arguments in pairs(rows) do
        local err = encode_error(pool, table.unpack(arguments))
        assert.equal(path, err.path)
        assert.is_truthy(tostring(err):find(path .. ":", 1, true),
                         tostring(err))
      end
    end)

    it("is named by its path, however odd the keys", function()
      local pool = new_pool(1)
      for _, key in ipairs { "two words", "nul\0", true, 1.5, {}, "", -1,
                             ("long"):rep(1000) } do
        local err = encode_error(pool, { [key] = print })
        assert.equal("string", type(err.path))
        assert.matches("argument #1", err.path, 1, true)
        assert.is_nil(tostring(err):find("\n", 1, true))
      end
    end)

    it("is named by its path, however deep it is", function()
      local pool, t = new_pool(1), { print }
      for _ = 1, 10000 do t = { t } end
      assert.matches("function", tostring(encode_error(pool, t)), 1, true)
    end)

    it("tells the upvalue of a function", function()
      local err = encode_error(new_pool(1), { cfg = with_upvalue })
      assert.equal("argument #1.cfg", err.path)
      assert.matches("'db'", tostring(err), 1, true)
    end)

    it("may be a future, or a pool", function()
      local pool = new_pool(1)
      local f = pool:submit("fixtures.basic:echo")
      encode_error(pool, f)
      encode_error(pool, { pool })
      assert.is_true(f:wait(check.BOUND))
    end)

    it("a hundred times does no harm to a hundred others", function()
      local pool, futures = new_pool(2), {}
      for i = 1, 100 do
        futures[i] = pool:submit("fixtures.basic:echo", i)
        encode_error(pool, i, { print })
      end
      for i = 1, 100 do
        assert.equal(i, futures[i]:result(check.BOUND))
      end
    end)
  end)
end)

describe("a result that cannot be sent", function()
  local TASKS = {
    a_function = "fn", a_coroutine = "coroutine", a_file = "nested.file",
    with_metatable = "metatable",
  }

  for_each_pool(function(new_pool)
    for task, words in pairs(TASKS) do
      it("fails its future with kind 'encode': " .. task, function()
        local pool = new_pool(1)
        local f = pool:submit("fixtures.results:" .. task)
        local err = check.kind("encode", f.result, f)
        assert.matches("result #" .. (task == "a_file" and 2 or 1),
                       tostring(err), 1, true)
        assert.matches(words, tostring(err), 1, true)
        assert.equal("string", type(err.path))
        assert.equal("fixtures.results:" .. task, err.task)
        assert.equal("failed", f:status())
      end)
    end

    it("twenty times leaves the worker as it was", function()
      local pool = new_pool(1)
      local worker = pool:call("fixtures.inside:current").worker
      for _ = 1, 20 do
        check.kind("encode", pool.call, pool, "fixtures.results:a_function")
      end
      assert.equal(worker, pool:call("fixtures.inside:current").worker)
    end)
  end)
end)

describe("a metatable", function()
  -- A table whose every metamethod raises.
  local function hostile(fields)
    local meta = {}
    for _, event in ipairs { "__index", "__newindex", "__pairs", "__len",
                             "__tostring", "__call", "__eq" } do
      meta[event] = function() error("user code ran: " .. event) end
    end
    meta.__metatable = "locked"
    return setmetatable(fields, meta)
  end

  for_each_pool(function(new_pool)
    it("is refused by default, and none of its functions run", function()
      local pool = new_pool(1)
      local err = encode_error(pool, { 1, hostile { 2 } })
      assert.equal("argument #1[2]", err.path)
      assert.matches("__tandem_pack", tostring(err), 1, true)
    end)

    it("is dropped if the pool is told to", function()
      local pool = new_pool { max_workers = 1, metatables = "drop" }
      local back = pool:call("fixtures.basic:echo", hostile { 1, x = { 2 } })
      assert.same({ 1, x = { 2 } }, back)
      assert.is_nil(getmetatable(back))
      local field, plain = pool:call("fixtures.results:field",
                                     hostile { x = 5 }, "x")
      assert.equal(5, field)
      assert.is_true(plain)
      assert.same({ 1 }, pool:call("fixtures.results:with_metatable"))
    end)

    it("may say what to send instead", function()
      local calls = 0
      local Point = {
        __tandem_pack = function(self)
          calls = calls + 1
          return { kind = "point", at = { self.x, self.y } }
        end,
      }
      local pool = new_pool(1)
      local point = setmetatable({ x = 1, y = 2 }, Point)
      local expected = { kind = "point", at = { 1, 2 } }
      assert.same(expected, pool:call("fixtures.basic:echo", point))
      assert.equal(1, calls)
      assert.same({ p = expected },
                  pool:call("fixtures.basic:echo", { p = point }))
      assert.same({ packed = 1 }, pool:call("fixtures.results:packed"))
    end)

    it("is packed once where the table is shared", function()
      local calls = 0
      local shared = setmetatable({}, {
        __tandem_pack = function()
          calls = calls + 1
          return { "packed" }
        end,
      })
      local a, b = new_pool(1):call("fixtures.basic:echo", { shared, shared })
      assert.is_nil(b)
      assert.equal(a[1], a[2])
      assert.equal(1, calls)
    end)

    it("may pack into a string, a number, or nothing", function()
      local pool = new_pool(1)
      for _, value in ipairs { "text", 42, 1.5, true, false } do
        local t = setmetatable({}, { __tandem_pack = function()
          return value
        end })
        assert.equal(value, pool:call("fixtures.basic:echo", t))
      end
    end)

    it("that packs badly is an encode error with the path", function()
      local pool = new_pool(1)
      local packers = {
        raises = function() error("cannot pack") end,
        itself = function(self) return self end,
        another = function() return setmetatable({}, {}) end,
        a_function = function() return print end,
        no_function = 42,
      }
      for name, packer in pairs(packers) do
        local t = setmetatable({}, { __tandem_pack = packer })
        local err = encode_error(pool, 1, { cfg = t })
        assert.matches("argument #2.cfg", err.path, 1, true, name)
      end
      -- The worker found the message malformed.
      local nan = setmetatable({}, { __tandem_pack = function()
        return 0 / 0
      end })
      assert.matches("key of argument #1",
                     encode_error(pool, { [nan] = 1 }).path, 1, true)
      assert.matches("key of argument #2",
                     encode_error(pool, nan, { [nan] = 1 }).path, 1, true)
      assert.equal(1, pool:call("fixtures.basic:echo", 1))
    end)
  end)

  it("of an error object of tandem's own is no obstacle to telling it",
    function()
      local pool <close> = tandem.serial_pool()
      local err = encode_error(pool, print)
      assert.is_true(tandem.is_error(err, "encode"))
      assert.equal("fixtures.basic:echo", err.task)
    end)
end)
