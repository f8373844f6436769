--- The commands of the prompt, from a pipe.
local command = require "spec.support.command"
local files = require "spec.support.files"

-- Runs the lines; returns exit code, stdout, stderr.
local function repl(...)
  return command.tandem("", table.concat({ ... }, "\n") .. "\n")
end

local function assert_says(text, words)
  assert.is_truthy(text:find(words, 1, true),
                   ("%q does not say %q"):format(text, words))
end

local function assert_lines_within(width, text)
  for line in text:gmatch("[^\n]+") do
    assert.is_true(utf8.len(line) <= width,
                   ("%q is wider than %d"):format(line, width))
  end
end

describe("the commands of the prompt", function()
  after_each(function() files.remove_all() end)

  it("are all in :help, and each has help of its own", function()
    local code, out = repl(":help")
    assert.equal(0, code)
    for _, name in ipairs { "run", "tasks", "task", "pool", "workers", "help",
                            "quit" } do
      assert_says(out, "  :" .. name)
      local one
      code, one = repl(":help " .. name)
      assert.equal(0, code)
      assert_says(one, ":" .. name)
      assert_lines_within(80, one)
    end
    assert_lines_within(80, out)
  end)

  it("suggest the nearest name", function()
    for typed, meant in pairs {
      [":rnu"] = ":run", [":hepl"] = ":help", [":wokers 3"] = ":workers",
      [":help pol"] = ":pool",
    } do
      local code, _, err = repl(typed)
      assert.equal(1, code)
      assert_says(err, "did you mean " .. meant .. "?")
    end
    local _, _, err = repl(":xylophone")
    assert_says(err, "unknown command ':xylophone'; :help")
    _, _, err = repl(":")
    assert_says(err, "unknown command ':'")
  end)

  it("say what is wrong, without a traceback", function()
    for typed, words in pairs {
      [":run x"] = "how many is 'x'",
      [":run 0"] = "whole number",
      [":run -5"] = "whole number",
      [":run 1.5"] = "whole number",
      [":run 1e300"] = "whole number",
      [":workers x"] = "how many workers is 'x'",
      [":workers 0"] = "above 0",
      [":workers 100000"] = "1 to 65535 workers",
      [":pool threds"] = "did you mean threads?",
      [":pool threads many"] = "how many workers is 'many'",
      [":pool processes 100000"] = "at most 1000",
      [":task sleepp"] = "did you mean sleep?",
      [":task math:sqrt:x y"] = "malformed",
      [":task function(i) return = end"] = "unexpected symbol",
    } do
      local code, _, err = repl(typed, "print('on')")
      assert.equal(1, code, typed)
      assert_says(err, words)
      assert.is_nil(err:find("traceback", 1, true), err)
      assert.is_nil(err:find("max_workers", 1, true), err)
    end
  end)

  it("take no more arguments than they know what to do with", function()
    for typed, surplus in pairs {
      [":run 5 6"] = "6", [":workers 2 3"] = "3", [":pool threads 4 5"] = "5",
      [":tasks foo"] = "foo", [":help run sweep"] = "sweep", [":quit now"] =
      "now", [":compare all"] = "all", [":timeline 1"] = "1", [":explain 1"] =
      "1", [":save a.html b.html"] = "b.html",
    } do
      local code, out, err = repl(typed, "'on'")
      assert.equal(1, code, typed)
      assert.equal('"on"\n', out)
      assert_says(err, ("what is '%s'? Try :help "):format(surplus))
    end
    local _, _, err = repl(":pool serial 4")
    assert_says(err, "a serial pool has no workers")
  end)

  it("compare nothing where all failed, and tell what failed", function()
    for _, typed in ipairs { ":sweep 1 2", ":compare" } do
      local code, out, err = repl(
        ":task function(i) error { code = 5 } end", typed)
      assert.equal(1, code)
      assert_says(err, "100 of 100 failed on ")
      assert_says(err, "the first: { code = 5 }")
      assert.is_nil(out:find("Take ", 1, true))
      assert.is_nil(out:find("These tasks", 1, true))
    end
    local code, out, err = repl(
      ":task function(i) if i == 7 then error('seven', 0) end end",
      ":sweep 1 2")
    assert.equal(1, code)
    assert_says(out, "speed-up")
    assert_says(err, "1 of 100 failed on 1 thread; the first: seven")
  end)

  it("tell what hinders a run without a traceback of their own", function()
    local _, _, err = repl("pool:shutdown()", ":run 2")
    assert.matches("^closed: pool 'tandem' is shut down", err)
    assert.is_nil(err:find("traceback", 1, true))
    _, _, err = repl(":task sleep f()", ":run 2")
    assert.matches("^arguments:1: attempt to call", err)
    assert.is_nil(err:find("traceback", 1, true))
  end)

  it("let Lua's errors of misuse name the line that was typed", function()
    local code, _, err = repl("tandem.thread_pool { max_worker = 3 }")
    assert.equal(1, code)
    assert.matches("^stdin:1: unknown option 'max_worker'", err)
  end)

  it("choose a pool, which is the variable as well", function()
    local code, out = repl(":pool processes 2", "pool:stats().max_workers",
      ":pool serial", ":pool", ":pool one_lock 3", "pool:stats().one_lock",
      ":workers 5", "pool:stats().max_workers", ":pool threads 2",
      "pool:call('math:sqrt', 4)")
    assert.equal(0, code)
    for _, words in ipairs {
      "processes, where a crash hurts one task, at most 2", "pool: serial",
      "threads that share one lock, as CPython's do, at most 3", "\ntrue\n",
      "at most 5", "\n5\n", "threads, which run Lua", "\n2.0\n",
    } do
      assert_says(out, words)
    end
  end)

  it("leave the pool in use where there can be no such other", function()
    local code, out = repl(":pool threads 3", ":pool processes 99999", ":pool")
    assert.equal(1, code)
    assert.equal(2, select(2, out:gsub("threads, which", "")))
  end)

  it("work with a pool that somebody made", function()
    local code, out = repl("pool = tandem.process_pool(1)", ":pool",
                           ":task sleep", ":run 2", "pool = nil", ":run 2")
    assert.equal(0, code)
    assert_says(out, "at most 1 of them")
    assert.equal(2, select(2, out:gsub("2 x sleep on 1 process\n", "")))
  end)

  it("tell of a pool that is closed", function()
    local code, out, err = repl("pool:shutdown()", ":run 2", ":pool threads 1",
                                ":task sleep", ":run 2")
    assert.equal(1, code)
    assert_says(err, "shut down")
    assert_says(out, "2 x sleep on 1 thread\n")
  end)

  it("list tasks of each kind, and mark the one in use", function()
    local code, out = repl(":task sleep", ":tasks")
    assert.equal(0, code)
    for _, words in ipairs { "IO-bound", "CPU-bound", "* sleep", "  primes",
                             "thumbnail", "[port, key, value]\n",
                             "between two numbers [low, high]\n",
                             "tandem itself costs\n" } do
      assert_says(out, words)
    end
    assert_lines_within(80, out)
  end)

  it("take no part in plain Lua", function()
    local code, out = repl("do goto on end", "::on:: print('here')")
    assert.equal(1, code)
    assert.equal("", out)
  end)
end)

describe(":run", function()
  after_each(function() files.remove_all() end)

  local ROWS = { "wall", "serial", "speed-up", "wait", "p50", "p90", "p99",
                 "run", "CPU", "workers" }

  it("shows something right after the start", function()
    local code, out, err = repl(":run")
    assert.same({ 0, "" }, { code, err })
    assert_says(out, "200 x primes on ")
    assert.matches("speed%-up %d+%.%d×", out)
    for _, words in ipairs(ROWS) do assert_says(out, words) end
    assert_lines_within(80, out)
  end)

  for _, pool in ipairs { "threads 2", "processes 2", "one_lock 2" } do
    it("tells of a run on " .. pool, function()
      local code, out, err = repl(":pool " .. pool, ":task sleep", ":run 20")
      assert.same({ 0, "" }, { code, err })
      assert_says(out, "20 x sleep on 2 ")
      for _, words in ipairs(ROWS) do assert_says(out, words) end
      assert_says(out, "IO-bound")
    end)
  end

  it("tells of a run without workers", function()
    local code, out = repl(":pool serial", ":task sleep 0.001", ":run 20")
    assert.equal(0, code)
    assert_says(out, "20 x sleep one after another")
    assert.is_nil(out:find("speed-up", 1, true))
  end)

  it("runs every task of the catalogue", function()
    local catalogue = require "tandem_cli.catalogue"
    local lines = { ":pool threads 2" }
    for _, name in ipairs(catalogue.names()) do
      lines[#lines + 1] = ":task " .. name
      lines[#lines + 1] = ":run 3"
    end
    local code, out, err = repl(table.unpack(lines))
    assert.same({ 0, "" }, { code, err })
    for _, name in ipairs(catalogue.names()) do
      assert_says(out, "3 x " .. name .. " on 2 threads")
    end
  end)

  it("asks the local servers from processes too", function()
    local code, out, err = repl(":pool processes 2", ":task http", ":run 4",
                                ":task store", ":run 4")
    assert.same({ 0, "" }, { code, err })
    assert_says(out, "4 x store on 2 processes")
  end)

  it("runs what somebody wrote", function()
    local code, out, err = repl(
      ":task math:sqrt", ":run 2",
      ":task string:rep 'ab' i", ":run 2",
      ":task string:len word", ":run 2",
      ":task function(i) assert(i >= 1) end", ":run 2",
      ":task function(i)", "  assert(i)", "end", ":run 2",
      "function mine(i, x) assert(i and x == 2) end",
      ":task mine i, 2", ":run 2",
      ":task type", ":run 2")
    assert.same({ 0, "" }, { code, err })
    assert_says(out, "2 x string:rep on")
    assert_says(out, "2 x function(i) on")
    assert_says(out, "2 x mine on")
  end)

  it("tells what failed, with the worker's traceback", function()
    local code, out, err = repl(
      ":task function(i) if i > 3 then error('bad ' .. i, 0) end end",
      ":run 5", "print('on')")
    assert.equal(1, code)
    assert_says(out, "2 failed")
    assert_says(out, "bad 4")
    assert_says(out, "stack traceback")
    assert_says(out, "\non\n")
    assert_says(err, "2 of 5 failed")
  end)

  it("tells of a task that is not there", function()
    local code, out = repl(":task no.such:thing", ":run 2")
    assert.equal(1, code)
    assert_says(out, "2 failed")
    assert_says(out, "module 'no.such' not found (task no.such:thing)")
    assert_says(out, "no field package.preload['no.such']")
    assert.matches("the worker's package.path is [^\n]*%?%.lua", out)
  end)

  it("tells of arguments that cannot be sent, and goes on", function()
    local code, out, err = repl(":task math:sqrt print", ":run 2", "1")
    assert.same({ 1, "1\n" }, { code, out:match("1\n$") })
    assert_says(err, "function")
  end)

  it("is about a worker that dies, too", function()
    local code, out = repl(":pool processes 1",
      ":task function(i) if i == 2 then os.exit(3) end end", ":run 3")
    assert.equal(1, code)
    assert_says(out, "1 failed")
  end)

  it("is quiet in a pipe, and has no colours", function()
    local _, out, err = repl(":task sleep 0.3", ":run 3", ":tasks", ":help")
    assert.is_nil((out .. err):find("[\27\r]"))
  end)

  it("is recorded", function()
    local code, out = command.tandem("", [[
record = require "tandem_cli.lab.record"
s = { pool = pool, runs = {}, width = 80, write = function() end }
r = record.run(s, { task = "math:sqrt", name = "roots", args = { 4 }, n = 50,
                    quiet = true, on_done = function() end })
r.task, r.kind, r.n, r.failed, r.cancelled, #s.runs
r.wall > 0, r.serial_each > 0, r.callbacks > 0, r.started > 0
i = r.items
i.n, #i.queued, #i.began, #i.ended, #i.cpu, #i.worker, #i.bytes_in, #i.bytes_out
ordered = true
for k = 1, i.n do
  ordered = ordered and 0 <= i.queued[k] and i.queued[k] <= i.began[k]
    and i.began[k] <= i.ended[k] and math.type(i.worker[k]) == "integer"
end
ordered
]])
    assert.equal(0, code)
    assert.equal('"roots"\t"thread"\t50\t0\t0\t1\n' ..
      "true\ttrue\ttrue\ttrue\n50\t50\t50\t50\t50\t50\t50\t50\ntrue\n", out)
  end)
end)

describe("values at the prompt", function()
  after_each(function() files.remove_all() end)

  it("are futures with their state and times", function()
    local code, out = repl(
      "f = pool:submit('math:sqrt', 4)", "_ = f:wait()", "f",
      "g = pool:submit('math:sqrt', 'x')", "_ = g:wait()", "{ g }",
      "tandem.all { f }")
    assert.equal(0, code)
    assert_says(out, "<future of math:sqrt: done, waited ")
    assert_says(out, ", worker ")
    assert_says(out, "<future of math:sqrt: failed, waited ")
    assert_says(out, "number expected")
    assert_says(out, "<future: done>")
  end)

  it("are errors with the worker's traceback", function()
    for _, line in ipairs {
      "pool:call(function() local function deep() error('lost') end deep() "
        .. "end)",
      "pool:submit(function() local function deep() error('lost') end deep() "
        .. "end):result()",
    } do
      local code, _, err = repl(line)
      assert.equal(1, code)
      assert_says(err, "lost")
      assert.matches("in worker %d+, stack traceback:\n.*'deep'", err)
    end
  end)
end)
