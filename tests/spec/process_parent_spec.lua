--- However the host ends, its zygotes and workers end with it.
local files = require "spec.support.files"
local low = require "spec.support.low"
local processes = require "spec.support.processes"
local run_script = require "spec.support.script"

local HEAD = [[
  local tandem = require "tandem"
  local low = require "fixtures.low"
  local LOG, NAME = os.getenv("SPEC_LOG"), os.getenv("SPEC_NAME")
  local function wait_started(n)
    for _ = 1, 12000 do
      local file <close> = io.open(LOG .. ".started")
      if file and #file:read("a") >= n then return end
      tandem.sleep(0.005)
    end
    error("the workers did not start")
  end
  local pool = tandem.process_pool {
    max_workers = 2, name = NAME, exit_timeout = 0.2,
  }
]]

-- Number of tasks that start, and what all workers are at.
local BUSY = {
  ["have nothing to do"] = {
    0, "for i = 1, 4 do pool:call('fixtures.basic:echo', i) end",
  },
  ["have only just been asked for"] = {
    0, "pool:submit('fixtures.basic:echo')",
  },
  ["loop"] = { 2, "pool:submit('fixtures.gate:loop', LOG)" },
  ["loop and catch errors"] = {
    2, "pool:submit('fixtures.gate:loop_protected', LOG)",
  },
  ["wait for a child"] = {
    1, "pool:submit('fixtures.crash:wait_for_child', LOG)",
  },
  ["are stopped"] = { 2, "pool:submit('fixtures.crash:stop', LOG)" },
}

-- How the script ends, with which code, and what it says on stderr.
local ENDINGS = {
  ["by SIGKILL"] = { "low.raise('KILL')", 137, "" },
  ["by SIGTERM"] = { "low.raise('TERM')", 143, "" },
  ["by a crash"] = { "low.segfault()", 139, "" },
  ["by os.exit(3)"] = { "os.exit(3)", 3, "" },
  ["by os.exit(3, true)"] = { "os.exit(3, true)", 3, "" },
  ["by _exit(4)"] = { "low.leave(4)", 4, "" },
  ["by an error"] = { "error('the end', 0)", 1, "the end" },
  ["at its end"] = { "", 0, "" },
}

local runs = 0

-- What the shell says of a signal is not the host's.
local function without_shell(err)
  for _, word in ipairs { "Killed", "Terminated", "Segmentation fault" } do
    err = err:gsub("^" .. word .. "[^\n]*\n$", "")
  end
  return err
end

-- Run a host; its exit code, output, errors and the name of its pool.
local function run(source, options)
  local mark = files.mark()
  local log = files.directory() .. "/log"
  runs = runs + 1
  local name = ("spec%d.%d"):format(processes.own_pid(), runs)
  options = options or {}
  options.env = { SPEC_LOG = log, SPEC_NAME = name }
  local code, out, err = run_script(HEAD .. source, options)
  local child = tonumber(files.read(log .. ".pid"))
  files.remove_all(mark)
  return code, out, without_shell(err), name, child
end

-- What is left is ended, so that it does no harm to the specs that follow.
local function end_all(title)
  for _, process in ipairs(processes.titled(title)) do
    low.kill(process.pid, "KILL")
  end
end

local function assert_nothing_left(name, child)
  local title = "tandem: " .. name
  finally(function()
    end_all(title)
    if child then low.kill(child, "KILL") end
  end)
  for _, process in ipairs(processes.titled(title)) do
    processes.wait_gone(process.pid)
  end
  assert.same({}, processes.titled(title))
  if child then processes.wait_gone(child) end
  -- The memory of a pool has no name in the file system.
  local pipe <close> = io.popen("ls -a /dev/shm")
  assert.is_nil(pipe:read("a"):find("tandem%-pool"))
end

describe("a host that ends", function()
  for what, busy in pairs(BUSY) do
    for how, ending in pairs(ENDINGS) do
      it(("%s takes with it workers that %s"):format(how, what), function()
        local count = math.max(busy[1], 1)
        local code, out, err, name, child = run(
          (busy[2] .. "\n"):rep(count)
          .. (busy[1] > 0 and "wait_started(" .. busy[1] .. ")\n" or "")
          .. "io.write('last words') io.flush()\n" .. ending[1])
        assert.equal(ending[2], code, err)
        assert.equal("last words", out)
        if ending[3] == "" then
          assert.equal("", err)
        else
          assert.matches(ending[3], err, 1, true)
        end
        assert_nothing_left(name, child)
      end)
    end
  end

  for _, how in ipairs { "by SIGKILL", "by os.exit(3)" } do
    it(how .. " takes with it a zygote that loads for ever", function()
      local _, _, _, name = run([[
        local path = LOG .. ".lua"
        local file = io.open(path, "w")
        file:write("require('fixtures.gate').loop(", ("%q"):format(LOG), ")")
        file:close()
        pool = tandem.process_pool {
          max_workers = 1, name = NAME, preload = { "log" },
          path = LOG:gsub("log$", "?.lua;") .. package.path,
        }
        pool:submit("fixtures.basic:echo")
        wait_started(1)
      ]] .. ENDINGS[how][1])
      assert_nothing_left(name)
    end)
  end

  it("without having used its pool has started no process", function()
    local code, out, err, name = run [[
      local lfs, n = require "lfs", 0
      for name in lfs.dir("/proc/self/task") do
        if name:match("%d") then n = n + 1 end
      end
      print(n, #pool:workers())
    ]]
    assert.equal(0, code, err)
    assert.equal("1\t0\n", out)
    assert.equal("", err)
    assert_nothing_left(name)
  end)

  it("may kill a task that prints without end, read or not", function()
    local nobody = ("100.%d"):format(processes.own_pid())
    for _, sink in ipairs { "cat >/dev/null", "sleep " .. nobody } do
      local code, _, err, name = run([[
        local f = pool:submit("fixtures.crash:print_for_ever", LOG)
        wait_started(1)
        tandem.sleep(0.02)
        assert(f:cancel("kill"))
        assert(pool:call("fixtures.basic:add", 1, 2) == 3)
        assert(pool:shutdown { timeout = 100 })
        io.stderr:write("fine")
      ]], { prefix = "bash -c 'exec \"$@\" > >(exec " .. sink .. ")' bash" })
      end_all(nobody)
      assert.equal(0, code, err)
      assert.equal("fine", err)
      assert_nothing_left(name)
    end
  end)
end)
