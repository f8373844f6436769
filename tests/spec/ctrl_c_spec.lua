--- Ctrl-C in a script, whatever it waits for and whatever its workers do.
local check = require "spec.support.check"
local files = require "spec.support.files"
local processes = require "spec.support.processes"
local scale = require "spec.support.scale"
local socket = require "socket"
local start = require "spec.support.foreground"
require "spec.support.low"

-- Not at once is `exit_timeout`, which is longer here.
local AT_ONCE, EXIT_TIMEOUT = check.BOUND, check.BOUND + 20

local HEAD = [[
  local tandem = require "tandem"
  io.stdout:setvbuf("no")
  local LOG, KIND = os.getenv("SPEC_LOG"), os.getenv("SPEC_KIND")
  local function new_pool(more)
    local options = { max_workers = 2, exit_timeout = ]] .. EXIT_TIMEOUT .. [[ }
    for name, value in pairs(more or {}) do options[name] = value end
    return tandem[KIND .. "_pool"](options)
  end
  local function submit(pool)
    return pool:submit(os.getenv("SPEC_TASK"), LOG, 600),
           pool:submit(os.getenv("SPEC_TASK"), LOG, 600)
  end
  -- What comes from here on is caught.
  local function await(future)
    return pcall(function()
      print("waits")
      return future:result()
    end)
  end
]]

-- Scripts of which each waits for ever, in every call that waits.
local WAITS = {
  ["result"] = "submit(pool):result()",
  ["wait"] = "submit(pool):wait()",
  ["error"] = "submit(pool):error()",
  ["a wait with a time-out"] = "submit(pool):wait(600)",
  ["call"] = "submit(pool) pool:call('fixtures.basic:echo', 1)",
  ["tandem.wait"] = "tandem.wait { submit(pool) }",
  ["tandem.all"] = "tandem.all { submit(pool) }:result()",
  ["as_completed"] = [[
    for _ in tandem.as_completed { submit(pool) } do end
  ]],
  ["the next of a map"] = [[
    for _ in pool:map(os.getenv("SPEC_TASK"), { LOG, LOG }) do end
  ]],
  ["the next of an unordered map"] = [[
    local options = { ordered = false }
    for _ in pool:map(os.getenv("SPEC_TASK"), { LOG, LOG }, options) do end
  ]],
  ["collect"] = [[
    pool:map(os.getenv("SPEC_TASK"), { LOG, LOG }):collect()
  ]],
  ["reduce"] = [[
    pool:reduce(os.getenv("SPEC_TASK"), "math:max", { LOG, LOG })
  ]],
  ["sleep"] = "submit(pool) tandem.sleep(600)",
  ["sleep, with callbacks to hear"] = [[
    submit(pool):on_done(function() end)
    tandem.sleep(600)
  ]],
  ["poll"] = "submit(pool) tandem.poll(600)",
  ["shutdown"] = "submit(pool) pool:shutdown()",
  ["a busy loop"] = "submit(pool) while true do end",
  ["a busy loop that submits"] = [[
    submit(pool)
    while true do pool:submit("fixtures.basic:echo", 1):cancel() end
  ]],
  ["a coroutine"] = [[
    coroutine.wrap(function() submit(pool):result() end)()
  ]],
  ["a callback"] = [[
    local done = pool:submit("fixtures.basic:echo", 1)
    done:on_done(function() submit(pool):result() end)
    done:result()
    print("not reached")
  ]],
  ["a busy callback"] = [[
    local done = pool:submit("fixtures.basic:echo", 1)
    done:on_done(function()
      submit(pool)
      while true do end
    end)
    done:result()
    print("not reached")
  ]],
  ["the input of a map"] = [[
    local n = 0
    local function next_item()
      n = n + 1
      while n > 2 do end
      return LOG
    end
    for _ in pool:map(os.getenv("SPEC_TASK"), next_item) do end
  ]],
  ["a full queue"] = [[
    local narrow = new_pool { queue_limit = 1 }
    submit(narrow)
    while true do narrow:submit("fixtures.basic:echo", 1) end
  ]],
}

local function run(kind, task, source, options)
  local log = files.directory() .. "/log"
  options = options or {}
  options.source = source and HEAD .. source
  options.env = { SPEC_LOG = log, SPEC_KIND = kind, SPEC_TASK = task }
  if task == "fixtures.gate:wait" then os.execute("mkfifo " .. log) end
  local script = start(options)
  script.log = log
  check.eventually(function()
    return #files.read(log .. ".started") >= (options.started or 2)
  end, "running tasks")
  if options.says then script:wait_for(options.says) end
  -- It may not wait yet; that is all right as well, but not what is meant.
  socket.sleep(0.05)
  return script
end

local function assert_ended(code, ended)
  assert.equal(code, ended.code, ended.err)
  assert.is_true(ended.seconds < AT_ONCE,
                 ("it took %.1f s"):format(ended.seconds))
  assert.equal(0, ended.left)
end

local function assert_interrupted(ended)
  assert_ended(1, ended)
  assert.matches("interrupted!", ended.err, 1, true)
  assert.matches("stack traceback:", ended.err, 1, true)
  assert.is_nil(ended.err:find("callback", 1, true), ended.err)
  assert.equal("", ended.out)
end

local function describe_waits(kind)
  for _, ending in ipairs { "", " <close>" } do
    for name, wait in pairs(WAITS) do
      it(("ends %s%s"):format(name, ending), function()
        local script = run(kind, "fixtures.gate:loop_protected",
          ("local pool%s = new_pool()\n"):format(ending) .. wait)
        script:interrupt()
        assert_interrupted(script:finish())
      end)
    end
  end

  -- As does one whose handler runs between the last look and the sleep.
  for _, wait in ipairs { "result", "tandem.wait", "sleep", "sleep, with " ..
                          "callbacks to hear", "shutdown", "a coroutine" } do
    it("ends one that the signal does not wake: " .. wait, function()
      local script = run(kind, "fixtures.gate:loop_protected", [[
        local pool = new_pool()
        require("fixtures.low").take_elsewhere("INT")
      ]] .. WAITS[wait])
      script:interrupt()
      assert_interrupted(script:finish())
    end)
  end

  it("ends the wait at the end of a <close> scope", function()
    local script = run(kind, "fixtures.gate:loop_protected", [[
      local outer <close> = new_pool()
      local inner <close> = new_pool()
      submit(inner)
    ]])
    script:interrupt()
    assert_interrupted(script:finish())
  end)
end

local function describe_workers(kind)
  for _, task in ipairs { "sleep", "loop", "wait" } do
    for _, ending in ipairs { "", " <close>" } do
      it(("ends workers in fixtures.gate:%s%s"):format(task, ending), function()
        local script = run(kind, "fixtures.gate:" .. task, ([[
          local pool%s = new_pool()
          submit(pool):result()
        ]]):format(ending))
        script:interrupt()
        assert_interrupted(script:finish())
      end)
    end
  end

  it("reaches the foreground, and not the workers", function()
    local script = run(kind, "fixtures.gate:loop", [[
      local pool <close> = new_pool()
      submit(pool):result()
    ]])
    script:interrupt("group")
    assert_interrupted(script:finish())
  end)

  it("may be typed at a terminal", function()
    local script = run(kind, "fixtures.gate:loop", [[
      local pool <close> = new_pool()
      submit(pool):result()
    ]], { terminal = true })
    script:interrupt("key")
    local ended = script:finish()
    assert_ended(1, ended)
    assert.matches("interrupted!", ended.err, 1, true)
    assert.equal("^C", (ended.out:gsub("%s", "")))
  end)

  it("ends the start of workers", function()
    local script = run(kind, "", [[
      local pool <close> = new_pool {
        max_workers = 1, initializer = "fixtures.gate:loop",
        initargs = { LOG },
      }
      pool:call("fixtures.basic:echo", 1)
    ]], { started = 1 })
    script:interrupt()
    assert_interrupted(script:finish())
  end)

  it("ends the loading of what workers preload", function()
    local script = run(kind, "", [[
      local pool <close> = new_pool {
        max_workers = 1, preload = { "fixtures.preloaded_for_ever" },
      }
      pool:call("fixtures.basic:echo", 1)
    ]], { started = 1 })
    script:interrupt()
    assert_interrupted(script:finish())
  end)
end

local function describe_survival(kind)
  it("may be caught, and the pool goes on", function()
    local script = run(kind, "fixtures.gate:loop", [[
      local pool <close> = new_pool()
      local a, b = submit(pool)
      local ok, why = await(a)
      print(ok, why:match("interrupted!$"))
      print(a:status(), b:status())
      print(a:cancel("interrupt"), b:cancel("interrupt"))
      print(pool:call("fixtures.basic:echo", 7))
    ]], { says = "waits\n" })
    script:interrupt()
    local ended = script:finish()
    assert_ended(0, ended)
    assert.equal("waits\nfalse\tinterrupted!\nrunning\trunning\n" ..
                 "true\ttrue\n7\n", ended.out)
    assert.equal("", ended.err)
  end)

  it("may be caught outside of the pool's scope", function()
    local script = run(kind, "fixtures.gate:loop", [[
      local one, other
      print(pcall(function()
        local pool <close> = new_pool()
        one, other = submit(pool)
        print("waits")
      end))
      print(one:status(), other:status())
      local pool <close> = new_pool()
      print(pool:call("fixtures.basic:echo", 7))
    ]], { says = "waits\n" })
    script:interrupt()
    local ended = script:finish()
    assert_ended(0, ended)
    assert.equal("waits\nfalse\tinterrupted!\ncancelled\tcancelled\n7\n",
                 ended.out)
  end)

  it("in a callback leaves the other callbacks for later", function()
    local script = run(kind, "", [[
      local pool <close> = new_pool { max_workers = 1 }
      local one = pool:submit("fixtures.basic:echo", 1)
      local two = pool:submit("fixtures.basic:echo", 2)
      one:on_done(function() require("fixtures.gate").loop(LOG) end)
         :on_done(function() print("the same future's") end)
      two:on_done(function() print("the other future's") end)
      local ok, why = pcall(tandem.wait, { one, two })
      print(ok, why:match("interrupted!$"))
      tandem.wait { one, two }
    ]], { started = 1 })
    script:interrupt()
    local ended = script:finish()
    assert_ended(0, ended)
    assert.equal("the same future's\nfalse\tinterrupted!\n" ..
                 "the other future's\n", ended.out)
    assert.equal("", ended.err)
  end)

  it("ends all at once when it comes again", function()
    local script = run(kind, "fixtures.gate:loop_protected", [[
      local pool <close> = new_pool()
      local future = submit(pool)
      await(future)
      print("again")
      future:result()
    ]], { says = "waits\n" })
    script:interrupt()
    script:wait_for("again")
    script:interrupt()
    assert_ended(130, script:finish())
  end)
end

for _, kind in ipairs { "thread", "process" } do
  describe("Ctrl-C with a " .. kind .. " pool", function()
    after_each(function() files.remove_all() end)
    describe_waits(kind)
    describe_workers(kind)
    describe_survival(kind)
  end)
end

-- Until the first one is there: two at once would be one. From then on Lua does
-- not catch it.
local function await_taken(script)
  check.eventually(function()
    local caught = processes.read(script.pid, "status"):match("SigCgt:%s*(%x+)")
    return tonumber(caught, 16) & 1 << 1 == 0
  end, "the first Ctrl-C at the script")
end

describe("Ctrl-C with a serial pool", function()
  after_each(function() files.remove_all() end)

  it("ends what the script does besides", function()
    local script = run("serial", "", [[
      local pool <close> = tandem.serial_pool()
      pool:call("fixtures.gate:pass_by", LOG)
      tandem.sleep(600)
    ]], { started = 1 })
    script:interrupt()
    assert_interrupted(script:finish())
  end)

  it("is heard when the task that runs in the script's stead ends", function()
    local script = run("serial", "", [[
      local pool <close> = tandem.serial_pool()
      pool:call(function(log)
        require("fixtures.gate").pass_by(log)
        local go
        repeat go = io.open(log .. ".go") until go
      end, LOG)
      print("not reached")
    ]], { started = 1 })
    script:interrupt()
    await_taken(script)
    files.write(script.log .. ".go", "")
    assert_interrupted(script:finish())
  end)

  it("ends all at once when it comes again", function()
    local script = run("serial", "", [[
      local pool <close> = tandem.serial_pool()
      pool:call("fixtures.gate:loop", LOG)
    ]], { started = 1 })
    script:interrupt()
    await_taken(script)
    script:interrupt()
    assert_ended(130, script:finish())
  end)
end)

local command = require("spec.support.command").file

-- ThreadSanitizer keeps signals back from code that it has not instrumented.
local it_with_signals = scale.defers_signals and function() end or it

-- A line instead of a traceback, and the exit status that shells know.
local function assert_told(ended)
  assert_ended(130, ended)
  assert.equal("tandem: interrupted!\n", ended.err)
end

describe("Ctrl-C in tandem run", function()
  after_each(function() files.remove_all() end)

  for _, kind in ipairs { "thread", "process" } do
    for _, ending in ipairs { "", " <close>" } do
      it(("with a %s pool%s"):format(kind, ending), function()
        local script = run(kind, "fixtures.gate:loop_protected", ([[
          local pool%s = new_pool()
          submit(pool):result()
        ]]):format(ending), { command = command .. " run" })
        script:interrupt()
        assert_told(script:finish())
      end)
    end
  end

  -- It runs in a state of its own, of which Lua's own handler does not know.
  for name, source in pairs {
    ["a serial pool"] = "tandem.serial_pool():call(TASK, LOG)",
    ["a serial pool, and sleeps"] =
      "tandem.serial_pool():call('fixtures.gate:sleep', LOG, 600)",
    ["a serial pool in a task of another"] = [[
      tandem.serial_pool():call(function(task, log)
        pcall(require("tandem").serial_pool().call,
              require("tandem").serial_pool(), task, log)
        while true do end
      end, TASK, LOG)
    ]],
    ["a full queue"] = [[
      local gate = LOG .. ".full"
      os.execute("mkfifo " .. gate)
      local pool = new_pool { max_workers = 1, queue_limit = 1,
                              on_full = "caller" }
      local first = pool:submit("fixtures.gate:wait", gate)
      while first:status() == "pending" do tandem.sleep(0.005) end
      pool:submit("fixtures.basic:echo")
      pool:submit(TASK, LOG)
      while true do end
    ]],
  } do
    it_with_signals("ends what runs in the script's stead: " .. name, function()
      local script = run("thread", "", "local TASK = " ..
        "'fixtures.gate:loop_protected'\n" .. source,
        { command = command .. " run", started = 1 })
      script:interrupt()
      assert_told(script:finish())
    end)
  end

  it("is the script's own affair where the script catches it", function()
    local script = run("thread", "fixtures.gate:loop", [[
      local pool <close> = new_pool()
      local future = submit(pool)
      print((await(future)))
      error("so it fell", 0)
    ]], { command = command .. " run", says = "waits\n" })
    script:interrupt()
    local ended = script:finish()
    assert_ended(1, ended)
    assert.equal("waits\nfalse\n", ended.out)
    assert.matches("^tandem: so it fell\n", ended.err)
  end)
end)

describe("Ctrl-C in tandem map", function()
  after_each(function() files.remove_all() end)

  -- The first item is done, the others hold the workers, and the input has no
  -- end: the FIFO stays open.
  local function map(options, how)
    local directory = files.directory()
    local input, log = directory .. "/input", directory .. "/log"
    assert(os.execute("mkfifo " .. input))
    local keep_open <close> = assert(io.open(input, "r+"))
    keep_open:write("[false,1]\n", ('["%s",2]\n'):format(log):rep(2))
    keep_open:flush()
    assert(os.execute("mkfifo " .. log))
    local script = start {
      command = ("%s map fixtures.gate:item %s"):format(command, options),
      input = input,
    }
    script:wait_for("1\n")
    check.eventually(function() return #files.read(log .. ".started") == 2
    end, "running items")
    script:interrupt(how)
    local ended = script:finish()
    assert_told(ended)
    assert.equal("1\n", ended.out)
  end

  it("on threads", function() map("--threads 2") end)
  it("on processes", function() map("--processes 2") end)
  it("on processes, for the whole group", function()
    map("--processes 2", "group")
  end)
end)
