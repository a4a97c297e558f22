% Logistic regression by gradient descent, in plain Octave: it needs no library to live through a preemption.
% It saves one file with all that the next step depends on, and starts from that file when it is there.

1;  % a script, not a function file

function value = env(name, default)
  value = getenv(name);
  if isempty(value)
    value = default;
  end
end

function save_state(file, state)
  save("-binary", [file ".new"], "-struct", "state");
  rename([file ".new"], file);  % whole or not at all: a kill never leaves half a file
end

function write_log(file, history)
  out = fopen([file ".new"], "w");
  fprintf(out, "step,loss\n");
  fprintf(out, "%d,%.6f\n", history');
  fclose(out);
  rename([file ".new"], file);
end

function report(file, step, loss)
  out = fopen(file, "a");
  fprintf(out, "{\"step\": %d, \"loss\": %.10g}\n", step, loss);
  fclose(out);
end

function commit()
  if ! isempty(getenv("BATON_SOCKET")) && system("baton commit >/dev/null") != 0
    disp("no commit this time; the last one is still good");
  end
end

steps = str2double(env("BATON_PARAM_STEPS", "1000"));
rate = str2double(env("BATON_PARAM_RATE", "0.1"));
every = 20;  % steps from one save to the next
checkpoint = env("BATON_CHECKPOINT_DIR", "checkpoint");
results = env("BATON_RESULTS_DIR", "results");
metrics = env("BATON_METRICS_FILE", fullfile(results, "metrics.jsonl"));
preempt = env("BATON_PREEMPT_FILE", "");
for directory = {checkpoint, results}
  if ! isfolder(directory{1})
    mkdir(directory{1});
  end
end
state_file = fullfile(checkpoint, "state.bin");

% Two clouds of points, the same ones every time.
randn("twister", 1);
rand("twister", 1);
points = 60000;
truth = randn(31, 1);
X = [ones(points, 1), randn(points, 30)];
y = double(rand(points, 1) < 1 ./ (1 + exp(-X * truth)));

state.step = 0;
state.w = zeros(31, 1);
state.history = zeros(0, 2);
if isfile(state_file)
  state = load(state_file);
  printf("going on from step %d\n", state.step);
end

while state.step < steps
  z = X * state.w;
  p = 1 ./ (1 + exp(-z));
  state.w -= rate * (X' * (p - y)) / points;
  state.step++;
  stop = ! isempty(preempt) && isfile(preempt);
  if mod(state.step, every) == 0
    loss = mean(log1p(exp(-abs(z))) + max(z, 0) - y .* z);
    state.history(end + 1, :) = [state.step, loss];
    printf("step %d  loss %.4f\n", state.step, loss);
    write_log(fullfile(results, "log.csv"), state.history);
    report(metrics, state.step, loss);
    save_state(state_file, state);
    commit();
  end
  if stop
    save_state(state_file, state);
    printf("stopping at step %d\n", state.step);
    exit(0);
  end
  fflush(stdout);
end

right = mean((X * state.w > 0) == y);
out = fopen(fullfile(results, "weights.txt.new"), "w");
fprintf(out, "%.17g\n", state.w);
fclose(out);
rename(fullfile(results, "weights.txt.new"), fullfile(results, "weights.txt"));
printf("final accuracy %.2f%%\n", 100 * right);
