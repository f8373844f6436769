--- The prompt at a terminal: keys go in, and what a person sees comes out.
local check = require "spec.support.check"
local command = require "spec.support.command"
local files = require "spec.support.files"
local scale = require "spec.support.scale"
local socket = require "socket"
local start = require "spec.support.foreground"

local has_readline = pcall(require, "readline")

-- One at a terminal, at its first prompt. Lua's own options go before the
-- command's file.
local function open(options)
  options = options or {}
  local env = { TERM = "xterm", TANDEM_HISTORY = "", NO_COLOR = "",
                HOME = "/" } -- lua-readline has something to say without one
  for name, value in pairs(options.env or {}) do env[name] = value end
  local prompt = start {
    terminal = true, columns = options.columns or 80, env = env,
    command = (options.before or "") .. " " .. command.file,
  }
  prompt:wait_for("tandem> ")
  return prompt
end

-- What is left of the text when colours and the like are taken away.
local function plain(text)
  return (text:gsub("\27%[[%d;?]*%a", ""):gsub("\r", ""))
end

-- Types a line, and waits for what it makes appear after it.
local function enter(prompt, line, expected)
  local before = #prompt:read("out")
  prompt:type(line .. "\r")
  return check.eventually(function()
    local shown = prompt:read("out"):sub(before + 1)
    local found = plain(shown .. prompt:read("err")):find(expected, 1, true)
    return found and shown
  end, ("%q after %q"):format(expected, line))
end

local function leave(prompt)
  prompt:type(":quit\r")
  local ended = prompt:finish()
  assert.equal(0, ended.code, ended.err)
  assert.equal(0, ended.left)
  return ended
end

-- The last line that tells of a run has this, and who had a part in it.
local REPORTED = "\n  workers  "

-- ThreadSanitizer keeps signals back from code that it has not instrumented.
local it_with_signals = scale.defers_signals and function() end or it

local NEVER_ENDS = ":task function(i) while true do pcall(error) end end"

-- Both ways to read a line.
local READERS = { ["without readline"] =
  { before = "-e 'package.preload.readline = error'" } }
if has_readline then READERS["with readline"] = {} end

for name, options in pairs(READERS) do
  describe("the prompt " .. name, function()
    after_each(function() files.remove_all() end)

    it("greets, answers, and says goodbye", function()
      local prompt = open(options)
      enter(prompt, "1 + 41", "42")
      enter(prompt, "for i = 1, 2 do", "     -> ")
      enter(prompt, "print('no ' .. i) end", "no 2")
      enter(prompt, ":frob", "unknown command ':frob'")
      assert.matches("tandem %d+%.%d+", leave(prompt).out)
    end)

    it("ends with the input", function()
      local prompt = open(options)
      prompt:type("\4")
      assert.equal(0, prompt:finish().code)
    end)

    it("drops what was typed at Ctrl-C, as often as it comes", function()
      local prompt = open(options)
      for _ = 1, 3 do
        enter(prompt, "for i = 1, 2 do", "     -> ")
        local before = #prompt:read("out")
        prompt:interrupt("key")
        check.eventually(function()
          return prompt:read("out"):find("tandem> ", before + 1, true)
        end, "another prompt")
        enter(prompt, "6 * 7", "42")
      end
      leave(prompt)
    end)

    it("stops plain Lua at Ctrl-C, as often as it comes", function()
      local prompt = open(options)
      for _ = 1, 3 do
        enter(prompt, "print('be' .. 'gun') while true do end", "begun")
        prompt:interrupt("key")
        enter(prompt, "6 * 7", "42")
      end
      assert.matches("interrupted", leave(prompt).err)
    end)

    it_with_signals("stops what a serial pool runs at Ctrl-C, as often as " ..
                    "it comes", function()
      local prompt = open(options)
      enter(prompt, "p = tandem.serial_pool()", "tandem> ")
      for _ = 1, 3 do
        enter(prompt, "p:call(function() print('be' .. 'gun') " ..
          "while true do pcall(error) end end)", "begun")
        prompt:interrupt("key")
        enter(prompt, "6 * 7", "42")
      end
      enter(prompt, "p:call('string:rep', 'ab', 3)", "ababab")
      enter(prompt, ":pool serial", "serial")
      enter(prompt, ":task function() print('be' .. 'gun') " ..
        "while true do end end", "runs it")
      for _, line in ipairs { ":run 5", ":compare", ":run 5" } do
        enter(prompt, line, "begun")
        prompt:interrupt("key")
        enter(prompt, "6 * 7", "42")
      end
      assert.matches("interrupted", leave(prompt).err)
    end)

    for _, pool in ipairs { "threads 2", "processes 2" } do
      it("stops a run on " .. pool .. " at Ctrl-C", function()
        local prompt = open(options)
        enter(prompt, ":pool " .. pool, "at most 2")
        enter(prompt, NEVER_ENDS, "runs it")
        for _ = 1, 2 do
          local before = #prompt:read("out")
          prompt:type(":run 5\r")
          check.eventually(function()
            return prompt:read("out"):find("0/5", before, true)
          end, "the live view")
          prompt:interrupt("key")
          check.eventually(function()
            return prompt:read("out"):find("5 cancelled", before, true)
          end, "the end of the run")
        end
        enter(prompt, "pool:call('math:sqrt', 49)", "7.0")
        leave(prompt)
      end)
    end
  end)
end

describe("the prompt at a terminal", function()
  after_each(function() files.remove_all() end)

  it("shows a run while it goes on, and then takes that away", function()
    local prompt = open()
    local path = files.directory() .. "/go"
    enter(prompt, (":task function(i) while i == 20 and not io.open(%q) do "
      .. "end end"):format(path), "runs it")
    enter(prompt, ":pool threads 2", "at most 2")
    local before = #prompt:read("out")
    prompt:type(":run 20\r")
    local function shows(pattern)
      return function()
        local shown = prompt:read("out"):sub(before + 1)
        return plain(shown):find(pattern) and shown
      end
    end
    check.eventually(shows "%[#+%.*%]  19/20  .- left", "the live view")
    files.write(path, "")
    local shown = check.eventually(shows(REPORTED), "the end of the run")
    assert.matches("workers  1: ", plain(shown))
    assert.is_truthy(shown:find("\r\27[K\27[A\r\27[K", 1, true))
    leave(prompt)
  end)

  it("fits 40 columns", function()
    local prompt = open { columns = 40 }
    enter(prompt, ":task sleep 0.01", "nothing else")
    enter(prompt, ":run 60", REPORTED)
    enter(prompt, ":pool one_lock 2", "lock")
    enter(prompt, ":tasks", "i * i")
    for line in plain(leave(prompt).out):gmatch("[^\n]+") do
      -- What was typed, and pictures over one another, are one line here.
      if not line:find("tandem> ", 1, true) and not line:find("left", 1, true)
      then
        assert.is_true((utf8.len(line) or #line) <= 40, line)
      end
    end
  end)

  it("hears of a window that changes its width", function()
    local prompt = open { columns = 100 }
    enter(prompt, "os.execute('stty cols 40')", "true")
    local before = #prompt:read("out")
    enter(prompt, ":help", ":quit")
    check.eventually(function()
      local out = plain(prompt:read("out"):sub(before + 1))
      return out:find("\n  :quit\n    leave", 1, true)
    end, "help for a narrow window")
    leave(prompt)
  end)

  for name, env in pairs {
    ["NO_COLOR is set"] = { NO_COLOR = "1" },
    ["TERM is dumb"] = { TERM = "dumb" },
  } do
    it("has no colours where " .. name, function()
      local prompt = open { env = env }
      enter(prompt, ":task sleep", "runs it")
      enter(prompt, ":run 80", REPORTED)
      enter(prompt, ":help", ":quit")
      assert.is_nil(leave(prompt).out:find("\27%[[%d;]*m"))
    end)
  end

  it("has colours elsewhere", function()
    local prompt = open()
    enter(prompt, ":tasks", "i * i")
    assert.is_truthy(leave(prompt).out:find("\27%[36m"))
  end)

  it("draws nothing over where TERM is dumb", function()
    local prompt = open { env = { TERM = "dumb" } }
    enter(prompt, ":task sleep 0.2", "runs it")
    enter(prompt, ":run 4", REPORTED)
    assert.is_nil(leave(prompt).out:find("\27[A", 1, true))
  end)

  it("stops a run without workers between two items", function()
    local prompt = open()
    enter(prompt, ":pool serial", "one task after another")
    enter(prompt, ":task sleep 0.05", "runs it")
    prompt:type(":run 500\r")
    check.eventually(function()
      return prompt:read("out"):find("/500", 1, true)
    end, "the live view")
    prompt:interrupt("key")
    enter(prompt, "", "cancelled")
    enter(prompt, "6 * 7", "42")
    leave(prompt)
  end)

  it("ends at Ctrl-C what runs tasks on a pool of its own", function()
    local prompt = open()
    enter(prompt, "record = require 'tandem_cli.lab.record'", "tandem> ")
    enter(prompt, "s = { runs = {}, write = print, args = { 1 } }",
          "tandem> ")
    prompt:type("for n = 1, 9 do p = tandem.thread_pool(1) print('run ' .. n)"
      .. " record.run(s, { pool = p, task = 'tasks.sleep:sleep', n = 99 }) "
      .. "end\r")
    prompt:wait_for("run 1\r")
    prompt:interrupt("key")
    enter(prompt, "6 * 7", "42")
    local ended = leave(prompt)
    assert.is_nil(ended.out:find("run 2\r", 1, true))
    assert.matches("interrupted", ended.err)
  end)

  it("leaves at once, whatever runs", function()
    local prompt = open()
    enter(prompt, "for _ = 1, 99 do pool:submit('tasks.sleep:sleep', 60) end",
          "tandem> ")
    local before = socket.gettime()
    leave(prompt)
    assert.is_true(socket.gettime() - before < check.BOUND)
  end)
end)

if not has_readline then return end

describe("the prompt with readline", function()
  after_each(function() files.remove_all() end)

  it("runs callbacks while nothing is typed", function()
    local prompt = open()
    local shown = enter(prompt,
      "f = pool:submit('tasks.sleep:sleep', 0.3):on_done(function() "
      .. "print('it' .. ' slept') end)", "it slept")
    assert.is_truthy(shown)
    enter(prompt, "f:status()", '"done"')
    leave(prompt)
  end)

  it("completes commands, tasks, globals, fields and methods", function()
    local prompt = open()
    enter(prompt, ":work\t 3", "at most 3")
    enter(prompt, ":task slee\t", "task sleep:")
    enter(prompt, "'<' .. math.ty\t(1) .. '>'", "<integer>")
    enter(prompt, "'<' .. pool:stat\t().max_workers .. '>'", "<3>")
    enter(prompt, "'<' .. string.form\t('%4d', 1) .. '>'", "<   1>")
    leave(prompt)
  end)

  it("takes several lines that are pasted", function()
    local prompt = open()
    enter(prompt, "\27[200~x = {\n40,\n2 }\n:pool serial\n\27[201~x[1] + x[2]",
          "42")
    assert.is_truthy(plain(leave(prompt).out):find("pool: serial", 1, true))
  end)

  it("keeps the history from one run to the next", function()
    local file = files.directory() .. "/history"
    local first = open { env = { TANDEM_HISTORY = file } }
    enter(first, "40 + 2", "42")
    leave(first)
    assert.equal("40 + 2\n:quit\n", files.read(file))
    local second = open { env = { TANDEM_HISTORY = file } }
    enter(second, "\27[A\27[A", "42")
    leave(second)
  end)

  it("cuts down a history that has grown long", function()
    local file = files.write(files.directory() .. "/history",
                             ("x = 'filler'\n"):rep(20000))
    local prompt = open { env = { TANDEM_HISTORY = file } }
    enter(prompt, "40 + 2", "42")
    leave(prompt)
    local text = files.read(file)
    assert.is_true(#text < 150000)
    assert.matches("filler'\n40 %+ 2\n:quit\n$", text)
  end)

  for name, path in pairs {
    ["cannot be made"] = "/proc/none/history", ["is a directory"] = "/tmp",
    ["is full"] = "/dev/full",
  } do
    it("does not mind a history that " .. name, function()
      local prompt = open { env = { TANDEM_HISTORY = path } }
      enter(prompt, "40 + 2", "42")
      assert.equal("", leave(prompt).err)
    end)
  end
end)
