"""The catalogue of known failures: one entry a code, with its true cause and its remedy, for findings and for docs."""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from harness.findings import Finding, Severity


class Side(StrEnum):
    """Where a failure shows first."""

    FUNCTIONS = "function set"
    PROMPT = "prompt"
    DATA = "training data"
    ADAPTER = "adapter files"
    NUMERICS = "running model"
    OUTPUTS = "outputs"


class Code(StrEnum):
    """The name of every known failure."""

    MISSING_PARAMETERS_TYPE = "missing_parameters_type"
    REQUIRED_NOT_DECLARED = "required_not_declared"
    RESERVED_PARAMETER_NAME = "reserved_parameter_name"
    TYPE_LIST = "type_list"
    ANY_OF = "any_of"
    REF = "ref"
    MISSING_TYPE = "missing_type"
    NESTED_ARRAY = "nested_array"
    ENUM_ON_NON_STRING = "enum_on_non_string"
    PHANTOM_PARAMETER = "phantom_parameter"
    DROPPED_CONSTRAINT = "dropped_constraint"
    EMPTY_DESCRIPTION = "empty_description"
    CONTROL_TOKEN_IN_TEXT = "control_token_in_text"
    DOUBLE_BOS = "double_bos"
    MISSING_BOS = "missing_bos"
    MISSING_DEVELOPER_SENTENCE = "missing_developer_sentence"
    PROMPT_MISSING_FUNCTION = "prompt_missing_function"
    PROMPT_MISSING_PARAMETER = "prompt_missing_parameter"
    PROMPT_MISSING_ENUM_VALUE = "prompt_missing_enum_value"
    ROW_TRUNCATED = "row_truncated"
    PROMPT_NOT_PREFIX = "prompt_not_prefix"
    TERMINATOR_NOT_SUPERVISED = "terminator_not_supervised"
    PAD_SUPERVISED = "pad_supervised"
    CALL_NOT_READ_BACK = "call_not_read_back"
    NULL_IN_ROW = "null_filled"
    UNDECLARED_CALL = "undeclared_call"
    LEAKED_CASE = "leaked_case"
    DUPLICATE_ROW = "duplicate_row"
    SINGLE_FUNCTION = "single_function_rows"
    UNTRAINED_FUNCTION = "untrained_function"
    UNDERSIZED = "undersized_adapter"
    UNTRAINED = "untrained_adapter"
    PARTLY_UNTRAINED = "partly_untrained_adapter"
    WEIGHTS_NOT_FINITE = "weights_not_finite"
    KEYS_MISSING = "adapter_keys_missing"
    KEYS_UNEXPECTED = "adapter_keys_unexpected"
    SHAPE_MISMATCH = "adapter_shape_mismatch"
    RESCALED = "adapter_rescaled"
    EMBEDDINGS_SAVED = "embeddings_in_adapter"
    TRAINING_NOT_FINITE = "training_not_finite"
    PICKLE = "pickle_file"
    STOP_LIST = "incomplete_stop_list"
    SAMPLING_ON = "sampling_on"
    RIGHT_PADDING = "right_padding"
    WRONG_BASE = "wrong_base"
    FLOAT16_OVERFLOW = "float16_overflow"
    FLOAT16_NEAR = "float16_near_overflow"
    HALF_ADAPTER = "half_adapter_overflow"
    LOGITS_NOT_FINITE = "logits_not_finite"
    NOT_APPLIED = "adapter_not_applied"
    DROPOUT_ON = "dropout_left_on"
    MERGE_DRIFT = "merge_drift"
    PADS_CHOSEN = "pads_chosen"
    EMPTY_OUTPUTS = "empty_outputs"
    SCHEMA_ECHO = "schema_echo"
    PROMPT_ECHO = "prompt_echo"
    RUN_ON = "run_on"
    REPETITION = "repetition_loop"
    CUT_OFF = "cut_off_outputs"
    JSON_ARGUMENTS = "json_arguments"
    NULL_FILLED = "null_filled_calls"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A known failure: how it looks, what is behind it, and what to do."""

    code: Code
    side: Side
    severity: Severity
    title: str
    symptom: str
    cause: str
    remedy: str

    def found(self, evidence: str, where: str = "") -> Finding:
        """The finding that this failure is there."""
        return Finding(
            code=self.code,
            severity=self.severity,
            evidence=evidence,
            cause=self.cause,
            remedy=self.remedy,
            where=where,
        )


_ALL = (
    Failure(
        code=Code.MISSING_PARAMETERS_TYPE,
        side=Side.FUNCTIONS,
        severity=Severity.CRITICAL,
        title="Parameters without a type",
        symptom="declarations that run into each other, calls that are malformed",
        cause="the template closes the parameters' brace together with their type, so a brace is missing",
        remedy='add "type": "object" to `parameters`',
    ),
    Failure(
        code=Code.REQUIRED_NOT_DECLARED,
        side=Side.FUNCTIONS,
        severity=Severity.CRITICAL,
        title="Required argument that is not declared",
        symptom="an argument that is missing or made up in every call",
        cause="the model is asked for an argument of which it sees nothing but the name",
        remedy="declare it, or take it out of `required`",
    ),
    Failure(
        code=Code.RESERVED_PARAMETER_NAME,
        side=Side.FUNCTIONS,
        severity=Severity.WARNING,
        title="Parameter with a reserved name",
        symptom="an argument that is never given",
        cause="the template takes it for a schema keyword and drops it, so the model never sees the parameter",
        remedy="rename the parameter",
    ),
    Failure(
        code=Code.TYPE_LIST,
        side=Side.FUNCTIONS,
        severity=Severity.CRITICAL,
        title="List of types",
        symptom="arguments of another type than meant",
        cause="the template knows a single type by name, and prints an empty or nonsensical type here",
        remedy="give the one type that calls use",
    ),
    Failure(
        code=Code.ANY_OF,
        side=Side.FUNCTIONS,
        severity=Severity.CRITICAL,
        title="Choice of schemas",
        symptom="arguments of another type than meant",
        cause="the template knows a single type by name, and prints an empty or nonsensical type here",
        remedy="write out the one form that calls use",
    ),
    Failure(
        code=Code.REF,
        side=Side.FUNCTIONS,
        severity=Severity.CRITICAL,
        title="Schema by reference",
        symptom="arguments of another type than meant",
        cause="the template knows a single type by name, and prints an empty or nonsensical type here",
        remedy="write the schema out in its place",
    ),
    Failure(
        code=Code.MISSING_TYPE,
        side=Side.FUNCTIONS,
        severity=Severity.CRITICAL,
        title="Parameter without a type",
        symptom="arguments of another type than meant",
        cause="the template knows a single type by name, and prints an empty or nonsensical type here",
        remedy="state its type",
    ),
    Failure(
        code=Code.NESTED_ARRAY,
        side=Side.FUNCTIONS,
        severity=Severity.WARNING,
        title="List of lists",
        symptom="lists of another depth than meant",
        cause="the template prints the inner list's schema as plain data, not as a schema",
        remedy="flatten the list, or make its elements objects",
    ),
    Failure(
        code=Code.ENUM_ON_NON_STRING,
        side=Side.FUNCTIONS,
        severity=Severity.WARNING,
        title="Enum on another type than string",
        symptom="values outside the enum",
        cause="the template prints an enum for strings only, so the model does not see the values allowed",
        remedy="make it a string, or name the values in the description",
    ),
    Failure(
        code=Code.PHANTOM_PARAMETER,
        side=Side.FUNCTIONS,
        severity=Severity.WARNING,
        title="Object without properties",
        symptom="arguments that are named after schema keywords",
        cause="the template then takes the schema's own keywords for the object's properties and declares them",
        remedy="declare the object's properties, and leave the other keywords out",
    ),
    Failure(
        code=Code.DROPPED_CONSTRAINT,
        side=Side.FUNCTIONS,
        severity=Severity.NOTE,
        title="Constraint that is not printed",
        symptom="values that break the schema",
        cause="the template does not print it, so the model is judged by what it was not told",
        remedy="say it in the description if calls depend on it",
    ),
    Failure(
        code=Code.EMPTY_DESCRIPTION,
        side=Side.FUNCTIONS,
        severity=Severity.NOTE,
        title="No description",
        symptom="the function, or the argument, is mistaken for another",
        cause="the model can go by the name alone",
        remedy="describe it in a few words",
    ),
    Failure(
        code=Code.CONTROL_TOKEN_IN_TEXT,
        side=Side.FUNCTIONS,
        severity=Severity.CRITICAL,
        title="Control token in a declaration",
        symptom="calls that are malformed, or of no declared function",
        cause="the tokenizer turns it into the control token itself, which breaks the declaration apart",
        remedy="take it out of the text",
    ),
    Failure(
        code=Code.DOUBLE_BOS,
        side=Side.PROMPT,
        severity=Severity.CRITICAL,
        title="Two <bos> tokens",
        symptom="accuracy below what the same rows give elsewhere, here or where the prompt is built otherwise",
        cause="the chat template prints it, and the tokenizer or somebody's code adds it again",
        remedy="tokenize rendered text with add_special_tokens=False, and use FunctionGemma's template as it came",
    ),
    Failure(
        code=Code.MISSING_BOS,
        side=Side.PROMPT,
        severity=Severity.CRITICAL,
        title="No <bos> token",
        symptom="answers that make no sense, out of a sound model",
        cause="the template in use does not print it, or the prompt was cut or altered after it was rendered",
        remedy="render the prompt with the base's own chat template, uncut",
    ),
    Failure(
        code=Code.MISSING_DEVELOPER_SENTENCE,
        side=Side.PROMPT,
        severity=Severity.WARNING,
        title="No developer's sentence",
        symptom="prose where a call was due",
        cause="the template does not add it, the caller has to",
        remedy="give it, word for word, as the content of a first message with the role developer",
    ),
    Failure(
        code=Code.PROMPT_MISSING_FUNCTION,
        side=Side.PROMPT,
        severity=Severity.CRITICAL,
        title="Function that the prompt lacks",
        symptom="a function that is never called",
        cause="the template in use does not print it, or the prompt was cut or altered after it was rendered",
        remedy="render the prompt with the base's own chat template, uncut",
    ),
    Failure(
        code=Code.PROMPT_MISSING_PARAMETER,
        side=Side.PROMPT,
        severity=Severity.CRITICAL,
        title="Parameter that the prompt lacks",
        symptom="an argument that is never given, or made up",
        cause="the template in use does not print it, or the prompt was cut or altered after it was rendered",
        remedy="render the prompt with the base's own chat template, uncut",
    ),
    Failure(
        code=Code.PROMPT_MISSING_ENUM_VALUE,
        side=Side.PROMPT,
        severity=Severity.CRITICAL,
        title="Allowed value that the prompt lacks",
        symptom="values outside the enum",
        cause="the template in use does not print it, or the prompt was cut or altered after it was rendered",
        remedy="render the prompt with the base's own chat template, uncut",
    ),
    Failure(
        code=Code.ROW_TRUNCATED,
        side=Side.DATA,
        severity=Severity.CRITICAL,
        title="Truncated rows",
        symptom="high token accuracy while training, and then no call, or an echo of the declarations",
        cause="rows longer than max_length lose their end, which is the call; long declarations make rows long",
        remedy="leave max_length out of the recipe: it is then as long as the longest row",
    ),
    Failure(
        code=Code.PROMPT_NOT_PREFIX,
        side=Side.DATA,
        severity=Severity.CRITICAL,
        title="Row that does not begin with its prompt",
        symptom="good losses and wrong answers",
        cause="the model would be asked something else than it was trained on",
        remedy="use a chat template whose generation prompt begins the model's turn",
    ),
    Failure(
        code=Code.TERMINATOR_NOT_SUPERVISED,
        side=Side.DATA,
        severity=Severity.CRITICAL,
        title="Terminator without loss",
        symptom="right calls that never end",
        cause="the model would not learn to stop",
        remedy="let the template end a call in <start_function_response> and a reply in <end_of_turn>",
    ),
    Failure(
        code=Code.PAD_SUPERVISED,
        side=Side.DATA,
        severity=Severity.CRITICAL,
        title="Pads that carry loss",
        symptom="nothing but `<pad>`, out of finite logits",
        cause="the labels of padding were not masked, and so the model learns to write pads",
        remedy="set the labels of padding to -100",
    ),
    Failure(
        code=Code.CALL_NOT_READ_BACK,
        side=Side.DATA,
        severity=Severity.CRITICAL,
        title="Answer that is not the row's",
        symptom="malformed calls",
        cause="the answer that would be trained does not read back as the row's calls",
        remedy="keep control tokens out of the arguments, and give them as an object, not as a JSON string",
    ),
    Failure(
        code=Code.NULL_IN_ROW,
        side=Side.DATA,
        severity=Severity.CRITICAL,
        title="Null-filled arguments",
        symptom="`artist:None` and the like for arguments that nobody asked for",
        cause="columns were unified and missing keys came back as null; the model would learn phantom arguments",
        remedy="leave an argument that is not meant out of the call",
    ),
    Failure(
        code=Code.UNDECLARED_CALL,
        side=Side.DATA,
        severity=Severity.CRITICAL,
        title="Call of an undeclared function",
        symptom="calls of functions that the prompt does not declare, and low accuracy over many functions",
        cause="the row's prompt does not show the function that its answer calls: names are learned by heart",
        remedy="declare the function in the row's stage, or leave the row out of it",
    ),
    Failure(
        code=Code.LEAKED_CASE,
        side=Side.DATA,
        severity=Severity.CRITICAL,
        title="Test case among the training rows",
        symptom="an accuracy that no user will see",
        cause="a test that is a training row measures memory",
        remedy="write the training row differently",
    ),
    Failure(
        code=Code.DUPLICATE_ROW,
        side=Side.DATA,
        severity=Severity.WARNING,
        title="Repeated rows",
        symptom="none by itself",
        cause="a repeated request weighs more, and contradicts itself if its calls differ",
        remedy="drop or reword the copies",
    ),
    Failure(
        code=Code.SINGLE_FUNCTION,
        side=Side.DATA,
        severity=Severity.CRITICAL,
        title="Rows of a single function",
        symptom="high accuracy on that function and none on the others, all of which are answered with it",
        cause="every row calls the same function, so there is nothing to choose between; a split by position does this",
        remedy="shuffle before splitting, and give rows to every declared function",
    ),
    Failure(
        code=Code.UNTRAINED_FUNCTION,
        side=Side.DATA,
        severity=Severity.WARNING,
        title="Function without a row",
        symptom="a function that is never called",
        cause="the model sees the declaration and never a call of it",
        remedy="write rows for it in train/",
    ),
    Failure(
        code=Code.UNDERSIZED,
        side=Side.ADAPTER,
        severity=Severity.WARNING,
        title="Undersized adapter",
        symptom="lower accuracy than the same data give elsewhere; never pads: an adapter starts at its base",
        cause="some linear modules have no adapter, so the model has less to learn with",
        remedy="train with all seven target modules: q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj",
    ),
    Failure(
        code=Code.UNTRAINED,
        side=Side.ADAPTER,
        severity=Severity.CRITICAL,
        title="Untrained adapter",
        symptom="the candidate answers exactly as its base does",
        cause="every lora_B is zero, as before the first step: the adapter adds nothing",
        remedy="see that optimizer steps were taken before it was saved, and load it with PeftModel.from_pretrained",
    ),
    Failure(
        code=Code.PARTLY_UNTRAINED,
        side=Side.ADAPTER,
        severity=Severity.WARNING,
        title="Partly untrained adapter",
        symptom="lower accuracy than the same data give elsewhere",
        cause="the lora_B of some modules are zero: no gradient reached them",
        remedy="see which parameters the optimizer was given, and train again",
    ),
    Failure(
        code=Code.WEIGHTS_NOT_FINITE,
        side=Side.ADAPTER,
        severity=Severity.CRITICAL,
        title="NaN or infinity in the adapter",
        symptom="greedy decoding prints nothing but pads, sampling raises",
        cause="the training diverged or the file was damaged; such weights load without a warning and poison a merge",
        remedy="train again with a lower learning rate, and stop at the first loss that is not finite",
    ),
    Failure(
        code=Code.KEYS_MISSING,
        side=Side.ADAPTER,
        severity=Severity.CRITICAL,
        title="Adapter weights missing",
        symptom="the candidate answers as its base does, or halfway",
        cause="the file lacks weights for modules that the configuration names, left at zero by PEFT with a warning",
        remedy="save the adapter with PEFT's save_pretrained and do not rename its keys",
    ),
    Failure(
        code=Code.KEYS_UNEXPECTED,
        side=Side.ADAPTER,
        severity=Severity.CRITICAL,
        title="Adapter weights that nothing uses",
        symptom="the candidate answers as its base does, or halfway",
        cause="the file holds weights that neither base nor configuration has a place for; PEFT drops them silently",
        remedy="save the adapter with PEFT's save_pretrained, from the base that it is loaded on",
    ),
    Failure(
        code=Code.SHAPE_MISMATCH,
        side=Side.ADAPTER,
        severity=Severity.CRITICAL,
        title="Adapter of another shape",
        symptom="loading fails",
        cause="the matrices do not fit the base's modules, or not the rank that the configuration states",
        remedy="give the base that the adapter was trained on, and its own adapter_config.json",
    ),
    Failure(
        code=Code.RESCALED,
        side=Side.ADAPTER,
        severity=Severity.CRITICAL,
        title="Rescaled adapter",
        symptom="accuracy far from what the training reported, without any message",
        cause="lora_alpha, r or use_rslora are not those of the training, so the adapter's delta is scaled otherwise",
        remedy="put back the values that candidate.json records, or train again",
    ),
    Failure(
        code=Code.EMBEDDINGS_SAVED,
        side=Side.ADAPTER,
        severity=Severity.WARNING,
        title="Embeddings in the adapter",
        symptom="a file that is far larger than its matrices, and control tokens that mean something else",
        cause="the vocabulary was resized or the embeddings were trained; they replace the base's on loading",
        remedy="FunctionGemma has all its control tokens: do not resize, and leave modules_to_save out",
    ),
    Failure(
        code=Code.TRAINING_NOT_FINITE,
        side=Side.ADAPTER,
        severity=Severity.CRITICAL,
        title="A training that diverged",
        symptom="a log of `loss 0.0` with `grad_norm nan`, which looks like a perfect fit",
        cause="the loss or its gradient was NaN or infinite; the logger's filter shows such a loss as 0.0",
        remedy="train again with a lower learning rate, with logging_nan_inf_filter off",
    ),
    Failure(
        code=Code.PICKLE,
        side=Side.ADAPTER,
        severity=Severity.WARNING,
        title="A pickle in the folder",
        symptom="none here: it is never loaded",
        cause="unpickling runs whatever code the file holds, and tools that load this folder may do it",
        remedy="delete the file; safetensors and JSON hold all that is needed",
    ),
    Failure(
        code=Code.STOP_LIST,
        side=Side.ADAPTER,
        severity=Severity.WARNING,
        title="Stop list that lacks an id",
        symptom="a right call, and then a made-up response and more, wherever the folder's settings are used",
        cause="the folder's generation_config.json replaces the base's stop ids with fewer",
        remedy="leave the file out, or give every id of the base's eos_token_id",
    ),
    Failure(
        code=Code.SAMPLING_ON,
        side=Side.ADAPTER,
        severity=Severity.WARNING,
        title="Sampling left on",
        symptom="two runs of one request differ, wherever the folder's settings are used",
        cause="the folder's generation_config.json turns sampling on",
        remedy="leave the file out, or set do_sample to false",
    ),
    Failure(
        code=Code.RIGHT_PADDING,
        side=Side.ADAPTER,
        severity=Severity.WARNING,
        title="Padding on the right",
        symptom="answers that are worse in a batch than alone: the shorter prompts end in pads",
        cause="the folder's tokenizer pads on the right, so that generation goes on behind the padding",
        remedy='set padding_side to "left" in tokenizer_config.json',
    ),
    Failure(
        code=Code.WRONG_BASE,
        side=Side.ADAPTER,
        severity=Severity.CRITICAL,
        title="Adapter of another base",
        symptom="it loads without a word and answers nonsense: the shapes agree, the weights do not",
        cause="the adapter was trained on another base of the same architecture (or on a merged one)",
        remedy="give the base that candidate.json names, or train again on this one",
    ),
    Failure(
        code=Code.FLOAT16_OVERFLOW,
        side=Side.NUMERICS,
        severity=Severity.WARNING,
        title="Overflow in float16",
        symptom="nothing but pads in float16, from the base as well, adapter or merged alike; sound in float32",
        cause="the residual stream passes 65,504, the largest float16, in the base itself; merging does not help",
        remedy="run in bfloat16 or float32, whose range is wide enough",
    ),
    Failure(
        code=Code.FLOAT16_NEAR,
        side=Side.NUMERICS,
        severity=Severity.NOTE,
        title="Close to an overflow in float16",
        symptom="none yet; another request may overflow in float16",
        cause="the residual stream passes half of 65,504, the largest float16",
        remedy="run in bfloat16 or float32",
    ),
    Failure(
        code=Code.HALF_ADAPTER,
        side=Side.NUMERICS,
        severity=Severity.WARNING,
        title="Adapter that overflows in 16 bits",
        symptom="nothing but pads in float16 as an adapter, sound when merged",
        cause="lora_A is large and lora_B small: their product is sound, but what lora_A gives overflows float16",
        remedy="keep the adapter in float32 (PEFT's autocast_adapter_dtype=True), or merge it in float32",
    ),
    Failure(
        code=Code.LOGITS_NOT_FINITE,
        side=Side.NUMERICS,
        severity=Severity.CRITICAL,
        title="Logits that are no numbers",
        symptom="greedy decoding prints nothing but pads, sampling raises",
        cause="NaN or infinity came up in the forward pass, in float32 too",
        remedy="look at the module named: its weights, or what the adapter adds to it",
    ),
    Failure(
        code=Code.NOT_APPLIED,
        side=Side.NUMERICS,
        severity=Severity.CRITICAL,
        title="Adapter that is not applied",
        symptom="the candidate answers exactly as its base does",
        cause="the adapter changes no logit: it is switched off, or its weights were never loaded",
        remedy="load it with PeftModel.from_pretrained, and do not disable its layers",
    ),
    Failure(
        code=Code.DROPOUT_ON,
        side=Side.NUMERICS,
        severity=Severity.CRITICAL,
        title="Dropout left on",
        symptom="two runs of one request differ although nothing is sampled",
        cause="the model is in training mode",
        remedy="call model.eval() before generating",
    ),
    Failure(
        code=Code.MERGE_DRIFT,
        side=Side.NUMERICS,
        severity=Severity.CRITICAL,
        title="Merged model that is another one",
        symptom="adapter and merged answer differently",
        cause="the merge lost precision, or did not add the adapter's delta",
        remedy="merge in float32, with safe_merge=True, and cast afterwards",
    ),
    Failure(
        code=Code.PADS_CHOSEN,
        side=Side.OUTPUTS,
        severity=Severity.WARNING,
        title="Pads that the model means",
        symptom="nothing but `<pad>`, out of finite logits; sampling works and prints pads too",
        cause="the training labels held pads that were not masked, so the model learned to write them",
        remedy="mask the labels of padding with -100, and train again",
    ),
    Failure(
        code=Code.EMPTY_OUTPUTS,
        side=Side.OUTPUTS,
        severity=Severity.WARNING,
        title="Empty outputs",
        symptom="nothing at all, not even a stop token",
        cause="decoding was stopped before the first token, or special tokens were dropped when decoding",
        remedy="decode with skip_special_tokens=False, and look at the limit on new tokens",
    ),
    Failure(
        code=Code.SCHEMA_ECHO,
        side=Side.OUTPUTS,
        severity=Severity.WARNING,
        title="Echo of the declarations",
        symptom="`declaration:` or `type:<escape>STRING<escape>` in the answer",
        cause="it learned the declarations and not the calls: rows cut before the call, or loss on the whole row",
        remedy="see that no row is truncated, and put the loss on the completion only",
    ),
    Failure(
        code=Code.PROMPT_ECHO,
        side=Side.OUTPUTS,
        severity=Severity.WARNING,
        title="Echo of the prompt",
        symptom="the request comes back, or a new turn begins",
        cause="the prompt did not end in the generation prompt, or the model never learned where its turn begins",
        remedy="render with add_generation_prompt=True, and the same template as in training",
    ),
    Failure(
        code=Code.RUN_ON,
        side=Side.OUTPUTS,
        severity=Severity.WARNING,
        title="Run past the stop token",
        symptom="a right call, and then a made-up response and more",
        cause="the stop list lacks one of the ids 1, 106 and 50: eos_token_id=tokenizer.eos_token_id replaces the list",
        remedy="give all three, as the base's generation_config.json does",
    ),
    Failure(
        code=Code.REPETITION,
        side=Side.OUTPUTS,
        severity=Severity.WARNING,
        title="Repetition without end",
        symptom="one piece over and over, up to the token limit",
        cause="the model has no notion of an end: the terminator carried no loss, or the training went astray",
        remedy="see that every row's labels hold its terminator, and lower the learning rate",
    ),
    Failure(
        code=Code.CUT_OFF,
        side=Side.OUTPUTS,
        severity=Severity.WARNING,
        title="Outputs cut off",
        symptom="calls that break off at the token limit",
        cause="max_new_tokens is shorter than the answers",
        remedy="raise it: two calls of long arguments take a hundred tokens and more",
    ),
    Failure(
        code=Code.JSON_ARGUMENTS,
        side=Side.OUTPUTS,
        severity=Severity.WARNING,
        title="Arguments as a JSON string",
        symptom="`call:f{` and blanks and a JSON object",
        cause="the arguments were given to the template as a string (json.dumps), which it prints raw",
        remedy="give `arguments` as an object, and train again",
    ),
    Failure(
        code=Code.NULL_FILLED,
        side=Side.OUTPUTS,
        severity=Severity.WARNING,
        title="Arguments that are null",
        symptom="`artist:None` and the like for arguments that nobody asked for",
        cause="columns were unified while loading, missing keys came back as None, and the template printed them",
        remedy="render rows to text or ids before they become a data set, and train again",
    ),
)

CATALOGUE = MappingProxyType({failure.code: failure for failure in _ALL})
