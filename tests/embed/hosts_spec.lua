--- Small programs that host Lua, each like many of its kind.
local files = require "spec.support.files"
local programs = require "embed.programs"
local scale = require "spec.support.scale"

require "spec.support.low"

local assert_fine = programs.assert_fine
local is_tsan = os.getenv("TANDEM_MODE") == "tsan"
local KINDS = { "thread", "process" }

describe("a host", function()
  after_each(function() files.remove_all() end)

  it("may have a state in each thread, closed in any order", function()
    assert_fine("two_states", "own")
  end)

  it("may have one pool for the states of all its threads", function()
    assert_fine("two_states", "shared")
  end)

  local FORKS = {
    ["without a pool"] = "none", ["with an unused pool"] = "unused",
    ["with an idle pool"] = "idle",
    ["in the middle of a task"] = "busy",
    ["again and again in a burst of tasks"] = "storm",
  }

  local DEEDS = {
    ["sleep"] = "sleep", ["loop"] = "loop",
    ["are held in C code"] = "blocked",
  }

  for _, kind in ipairs(KINDS) do
    -- Under ThreadSanitizer a forked child cannot start a thread.
    for what, case in pairs(is_tsan and {} or FORKS) do
      it(("may fork %s (%s)"):format(what, kind), function()
        assert_fine("forking", kind, case, "own")
      end)

      if case ~= "none" then
        it(("may fork %s (shared %s)"):format(what, kind), function()
          assert_fine("forking", kind, case, "shared")
        end)
      end
    end

    for what, deed in pairs(DEEDS) do
      if not (scale.defers_signals and kind == "thread" and deed == "loop")
      then
        it(("may reload five times and end while tasks %s (%s)")
          :format(what, kind), function()
          local fifo = files.directory() .. "/fifo"
          assert(os.execute("mkfifo " .. fifo))
          assert_fine("daemon", kind, deed, fifo)
        end)
      end
    end
  end

  for _, linger in ipairs { "0", "0.05" } do
    it("may leave a shared pool in the middle of a task: " .. linger, function()
      local fifo = files.directory() .. "/fifo"
      assert(os.execute("mkfifo " .. fifo))
      assert_fine("deserted", linger, fifo)
    end)
  end

  it("may wait for every child in a handler", function()
    assert_fine("reaping", "handler")
  end)

  it("may wait for every child in a thread", function()
    assert_fine("reaping", "thread")
  end)

  it("may use it from C alone", function()
    local tandem = require "tandem"
    assert.equal(tandem._VERSION, "tandem " .. assert_fine("capi"):match("%S+"))
  end)

  it("gets back all that its allocator gave, asked by one thread", function()
    assert_fine("allocator")
  end)

  it("that submits nothing has nothing of ours but some memory", function()
    local bytes = tonumber(assert_fine("idle"))
    assert.is_true(bytes > 0 and bytes <= 60 * 1024, bytes)
  end)

  for _, how in ipairs { "searchers", "preload", "nothing" } do
    it("may be strict, with this of package: " .. how, function()
      assert_fine("strict", how)
    end)
  end

  it("may have 0, 1 and 2 closed", function()
    local log = files.directory() .. "/log"
    local code = programs.run("closed_fds", log)
    assert.equal("", files.read(log))
    assert.equal(0, code)
  end)

  -- ThreadSanitizer has a thread of its own, with another mask.
  if not is_tsan then
    it("finds its signals, locale, umask and folder unchanged", function()
      assert_fine("unchanged")
    end)
  end
end)

describe("a host whose Lua modules cannot see", function()
  local PLUGIN = programs.folder .. "plugin.so"

  it("as a plugin brought it, is told so and what to do", function()
    local said = assert_fine("plugged", PLUGIN, "plain")
    assert.matches("undefined symbol: lua_", said, 1, true)
    assert.matches('package.loadlib("liblua5.4.so.0", "*")', said, 1, true)
  end)

  it("as a plugin brought it, has opened it for all", function()
    assert_fine("plugged", PLUGIN, "opened")
  end)

  it("as it is hidden in the program, is told so", function()
    local said = assert_fine("hidden", "alone")
    assert.matches("undefined symbol: lua_", said, 1, true)
    assert.matches("-rdynamic", said, 1, true)
  end)

  it("as it is hidden, but another, is told of both", function()
    local said = assert_fine("hidden", "beside")
    assert.matches("two copies of Lua", said, 1, true)
    assert.matches("liblua5.4.so", said, 1, true)
    assert.matches("embed/hidden", said, 1, true)
  end)
end)

-- Without a sanitizer, it cannot load what has one.
if not scale.sanitized then
  describe("the C program", function()
    local HEADERS = { "/usr/include/lua5.4", "/usr/include/lua54",
                      "/usr/include/lua/5.4", "/usr/local/include/lua5.4" }

    -- As a user would compile it, but for the warnings.
    local function compile(source, options)
      local program = files.directory() .. "/program"
      local _, _, code = os.execute(("env -u LD_PRELOAD %s -Wall -Wextra "
        .. "-Wpedantic -Werror -std=c11 %s -o %s %s -isystem %s -llua5.4 -lm")
        :format(os.getenv("CC") or "cc", source, program, options,
                table.concat(HEADERS, " -isystem ")))
      assert.equal(0, code)
      return program
    end

    it("of docs/embedding.md does as it says", function()
      local text = files.read("docs/embedding.md")
      local source = text:match("\n## A C program of your own\n.-```c\n(.-)```")
      local path = files.write(files.directory() .. "/host.c", source)
      local code, out, err = programs.run(compile(path, ""))
      assert.equal("tic tic tic \n", out, err)
      assert.equal(0, code)
    end)

    it("of scripts/examples counts primes", function()
      local program = compile("scripts/examples/c/primes.c", "-Icore")
      local code, _, err = programs.run(program)
      assert.equal(1, code)
      assert.matches("module 'primes' not found", err)
      local path = files.quote("scripts/examples/c/?.lua;" .. package.path)
      local out = assert(io.popen(("env LUA_PATH=%s LUA_CPATH=%s %s"):format(
        path, files.quote(package.cpath), program)))
      assert.equal("17984 primes up to 200000\n", out:read("a"))
      assert.is_true(out:close())
    end)

    it("of scripts/examples is short", function()
      assert.is_true(#files.lines("scripts/examples/c/primes.c") < 60)
    end)
  end)
end
