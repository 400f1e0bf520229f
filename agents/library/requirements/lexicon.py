"""What words say about a statement's type: weighted patterns, type by type.

A pattern's weight is what one occurrence of it is worth; a type that reaches ``LEAST`` and leads is the
statement's type, and what no type claims is functional. Weights are steps of half a point: 3 decides alone,
2 suffices where nothing speaks against it, 1 only supports. The order of the types breaks ties: the more
special comes first.
"""

# ruff: noqa: E501  (a row is one pattern with its weight, however long)

from __future__ import annotations

from agents.library.requirements.requirement import RequirementType

LEAST = 2.0
SECTION_SHARE = 0.5
"""What a pattern found in the section's heading is worth, beside one in the statement."""
OF_LEGAL_TEXT = 2.5
"""What it is worth for the legal type that the document is a statute or a contract."""

Weighted = tuple[tuple[str, float], ...]

_TIME_UNIT = r"(?:milliseconds?|ms|seconds?|secs?|minutes?|mins?|hours?)"
_QUANTITY = r"(?:\d[\d,.]*|one|two|three|four|five|six|seven|eight|nine|ten|fifteen|twenty|thirty|sixty|a|an?\s+half)"
_ACTORS = r"(?:users?|sessions?|connections?|customers?|clients?|members?|visitors?|requests?|players?|devices?)"
_PLATFORM = (
    r"(?:windows|linux|debian|ubuntu|unix|mac\s?os|ios|android|solaris|oracle|sql\s?server|mysql|apache|tomcat|"
    r"java\s+virtual\s+machine|internet\s+explorer|firefox|chrome|safari)"
)

LEXICON: dict[RequirementType, Weighted] = {
    RequirementType.AVAILABILITY: (
        (r"\bavailab(?:le|ility)\b.{0,60}(?:%|percent|hours?|24|time|clock|days?|year|at\s+all\s+times)", 3),
        (r"\bavailability\b", 2),
        (r"\b(?:uptime|downtime|up\s+time|down\s+time)\b", 3),
        (
            r"\b(?:reachable|accessible|online|up|operational|running)\b.{0,40}(?:\d\s*%|percent|24|around\s+the\s+clock)",
            3,
        ),
        (r"\b24\s*(?:x|/|hours?)", 2),
        (r"\b(?:around\s+the\s+clock|all\s+year|365\s+days|seven\s+days\s+(?:a|per)\s+week)\b", 2),
        (r"\b(?:accessible|available|reachable)\b.{0,30}\bduring\b.{0,30}\bhours\b", 3),
        (r"\b(?:be|is)\s+(?:down|out\s+of\s+service|unavailable)\b", 3),
        (r"\b(?:outages?|maintenance\s+windows?)\b", 2),
        (r"\bwithout\s+interruption\b", 1),
        (r"\b9\d(?:\.\d+)?\s*(?:%|percent)\s+of\s+the\s+time\b", 2),
    ),
    RequirementType.RELIABILITY: (
        (r"\b(?:fault[- ]toleran\w+|fail[- ]?over|redundan\w+|hot\s+standby|replicas?)\b", 3),
        (
            r"\b(?:recover(?:s|y|ed)?|restore[sd]?)\b.{0,50}\b(?:failures?|crash\w*|outage|faults?|errors?|state|backup)\b",
            3,
        ),
        (
            r"\b(?:continue|continues|go\s+on|keep)\s+(?:to\s+)?(?:work|operat|function|run|working|operating)\w*\b",
            2.5,
        ),
        (
            r"\b(?:if|when|in\s+case)\b.{0,60}\b(?:fails|breaks|crash\w*|is\s+lost|unavailable|goes\s+down)\b",
            1.5,
        ),
        (r"\b(?:power\s+failure|system\s+failure|loss\s+of\s+(?:data|power|connection)|data\s+loss)\b", 2),
        (r"\b(?:robust\w*|resilien\w+|mean\s+time\s+between\s+failures|mtbf)\b", 2.5),
        (r"\b(?:offline)\b", 1.5),
        (r"\bcrash(?:es)?\b", 1.5),
    ),
    RequirementType.SCALABILITY: (
        (rf"\b(?:simultaneous(?:ly)?|concurrent(?:ly)?)\b.{{0,30}}\b{_ACTORS}\b", 3.5),
        (rf"\b{_ACTORS}\b.{{0,30}}\b(?:simultaneously|concurrently|at\s+the\s+same\s+time|at\s+once)\b", 3.5),
        (
            r"\b(?:scal(?:e|es|able|ability|ing)|expand(?:ed|able)?|growth|grows?|doubling|increas\w+\s+number)\b",
            2.5,
        ),
        (
            rf"\b(?:handle|support|accommodate|serve|cope\s+with)\b.{{0,30}}\d[\d,.]*\s+(?:\w+\s+)?{_ACTORS}\b",
            2.5,
        ),
        (r"\b(?:capacity|capable\s+of\s+(?:handling|supporting|storing))\b", 2),
        (r"\b(?:million|thousand)\s+\w+\b", 1),
        (r"\badd\s+(?:further|more|additional)\s+(?:servers?|nodes?|hardware)\b", 2.5),
        (r"\b(?:peak|high)\s+load\b", 1.5),
    ),
    RequirementType.PORTABILITY: (
        (r"\bportab(?:le|ility)\b", 3),
        (r"\b(?:migrate[sd]?|migration|ported|port)\b.{0,40}\b(?:to|between)\b", 2),
        (rf"\b{_PLATFORM}\b.{{0,30}}\b(?:and|as\s+well\s+as|or)\b.{{0,20}}\b{_PLATFORM}\b", 2.5),
        (r"\b(?:platform[- ]independent|cross[- ]platform|single\s+code\s*base|vendor[- ]neutral)\b", 3),
        (
            r"\b(?:other|another|different|any)\s+(?:operating\s+systems?|platforms?|database\s+systems?)\b",
            2.5,
        ),
    ),
    RequirementType.SECURITY: (
        (r"\bonly\b.{0,60}\b(?:have|has|gain)\s+access\b|\bwho\s+(?:shall|must|may)\s+have\s+access\b", 2.5),
        (
            r"\b(?:authori[sz]ed|registered)\b.{0,40}\baccess\b|\baccess\b.{0,40}\b(?:authori[sz]ed|registered)\b",
            2.5,
        ),
        (
            r"\b(?:incorrect|corrupt(?:ed)?|invalid)\s+data\b.{0,40}\bintroduced\b|\bprevent\b.{0,40}\b(?:misuse|abuse|fraud)\b",
            2,
        ),
        (r"\b(?:secur(?:e|ed|ely|ity)|insecure)\b", 2.5),
        (r"\b(?:authenticat\w+|unauthenticated)\b", 2),
        (
            r"\b(?:unauthori[sz]ed|only\s+authori[sz]ed|authori[sz]ed\s+(?:users?|persons?|personnel|staff|administrators?))\b",
            2.5,
        ),
        (r"\bauthori[sz]ation\s+(?:of|to|for|check\w*|rules?|policy)\b", 1.5),
        (
            r"\b(?:encrypt\w*|decrypt\w*|cryptograph\w*|cipher\w*|hash(?:ed|es)?|salted|signatures?|signed)\b",
            2.5,
        ),
        (r"\b(?:TLS|SSL|HTTPS|X\.?509|PKI|MAC|HMAC|nonce)\b", 2.5),
        (r"\b(?:passwords?|passphrases?|credentials?|secrets?|log\s?-?in|logon|PIN)\b", 2),
        (
            r"\b(?:attack(?:s|er|ers)?|malicious|phishing|brute[- ]force|spoof\w*|clickjack\w*|CSRF|XSS|forgery|injection)\b",
            3,
        ),
        (
            r"\b(?:malware|virus(?:es)?|intrusion|hackers?|firewall|vulnerab\w+|threats?|tamper\w*|impersonat\w+|replay)\b",
            3,
        ),
        (
            r"\b(?:confidential(?:ity)?|integrity|eavesdrop\w*|disclos\w+|leak\w*|expos(?:e|ed|ing)|guess\w*)\b",
            2,
        ),
        (
            r"\b(?:access\s+(?:control|rights?|permissions?|privileges?)|privileg\w+|permissions?\s+level)\b",
            2.5,
        ),
        (r"\baccess\b.{0,40}\b(?:restricted|limited|denied|granted|prevented)\b", 2.5),
        (r"\b(?:restrict|limit|prevent|deny|protect)\w*\b.{0,40}\baccess\b", 2.5),
        (r"\bprotect(?:s|ed|ion)?\b.{0,40}\b(?:data|information|from|against|tokens?)\b", 1.5),
        (r"\b(?:private|sensitive|confidential)\s+(?:information|data)\b", 2),
        (r"\bonly\s+(?:the\s+|a\s+|an\s+)?[\w\s-]{3,45}\s+(?:may|shall|can|must|should|will)\b", 2.5),
        (
            r"\b(?:audit\s+(?:trail|log)|logged\s+with\s+the\s+identity|identity\s+of\s+the\s+(?:person|user))\b",
            2.5,
        ),
        (r"\b(?:lock(?:s|ed)?\b.{0,20}\baccount|failed\s+(?:log\s?-?ins?|attempts?))\b", 2.5),
        (r"\b(?:access|refresh|bearer)\s+tokens?\b", 0.5),
        (r"\b(?:trust(?:ed|worthy)?|identity\s+verification|verify\s+the\s+identity)\b", 2),
    ),
    RequirementType.LEGAL: (
        (r"\b(?:certified|accredit\w+|auditors?|legislat\w+|court|tax\s+code)\b", 1.5),
        (
            r"\b(?:compl(?:y|ies|iant|iance)|conform(?:s|ance)?|adhere[sd]?|accordance)\b.{0,60}"
            r"\b(?:laws?|regulat\w+|acts?|statut\w+|directives?|legislation|rules|legal|licens\w+|policies)\b",
            3,
        ),
        (
            r"\b(?:laws?|legislation|statut\w+|regulations?|legal(?:ly)?|GDPR|HIPAA|Sarbanes|copyright\w*)\b",
            2,
        ),
        (r"\b(?:Act|Directive|Regulation\s+\([A-Z]{2}\))\b(?-i:)", 0.5),
        (
            r"\b(?:supervisory\s+authority|controllers?\s+and\s+processors?|data\s+subjects?|lawful\w*|liab\w+)\b",
            2,
        ),
        (r"\b(?:compliance|compliant|licen[cs]e\s+agreement|disclaimer)\b", 1.5),
        (r"\b(?:conform|comply|compliant|conforms|complies)\b.{0,30}\b(?:standards?|guidelines?)\b", 1.5),
        (r"\b(?:tax|retention|insurance)\s+(?:laws?|rules|regulations?|periods?)\b", 1),
    ),
    RequirementType.LOOK_AND_FEEL: (
        (r"\b(?:corporate|company|house)\s+(?:identity|standards?|style|design|image)\b", 2),
        (r"\b(?:visually|pleasing|colou?r(?:ed|ing)|typography|graphics?|look)\b", 1),
        (
            r"\b(?:look\s+and\s+feel|appearance|branding|brand|logos?|colou?rs?|colou?rful|colou?r\s+schemes?|fonts?)\b",
            2.5,
        ),
        (
            r"\b(?:attractive|appeal(?:s|ing)?|aesthetic\w*|modern|stylish|elegant|professional|uncluttered|clean)\b",
            2,
        ),
        (
            r"\b(?:style\s+guide|same\s+style|in\s+the\s+style|theme|background|icons?|animations?|sounds?)\b",
            2,
        ),
        (r"\blooks?\b.{0,40}\b(?:consistent|like|similar|that)\b", 2),
        (r"\b(?:website|screen|page|interface|visual|graphic\w*)\s+(?:design|layout|style)\b", 1.5),
        (r"\b(?:simulate|resemble)\b", 1),
    ),
    RequirementType.USABILITY: (
        (r"\b(?:self-?explan\w*|tool-?tips?|hints?|instructions|tutorial)\b", 1.5),
        (
            r"\b(?:easy|easily|easier|simple)\s+(?:to\s+|for\s+)?(?:use|learn|understand|navigate|find|read|operate)\b",
            3,
        ),
        (
            r"\b(?:easy|easily|ease\s+of\s+use|intuitive\w*|self-explanatory|user[- ]friendly|usab(?:le|ility))\b",
            2.5,
        ),
        (
            r"\b(?:training|trained|untrained|learn(?:ed|ing)?|first\s+attempt|without\s+(?:help|training|assistance))\b",
            2,
        ),
        (
            r"\b(?:impaired|disabilit\w+|disabled\s+(?:users?|people)|accessibility|wcag|screen\s+readers?)\b",
            2.5,
        ),
        (r"\b(?:clicks?|keystrokes?)\b", 1.5),
        (r"\b(?:understandable|polite|friendly|offensive|satisf\w+|helpful|jargon)\b", 2),
        (r"\b(?:error\s+messages?)\b.{0,60}\b(?:tell|explain|understand\w*|what\s+to\s+do|clear)\b", 2.5),
        (r"\b(?:percent|%)\s+of\s+(?:the\s+)?(?:users|cashiers|customers|realtors|people|\w+ers)\b", 1.5),
        (r"\b(?:symbols|words|language)\b.{0,40}\b(?:naturally|understand\w*|familiar)\b", 2),
        (r"\bsuccessfully\s+(?:use|complete|find|learn)\b", 1.5),
    ),
    RequirementType.PERFORMANCE: (
        (
            r"\b(?:acceptable|reasonable|short)\s+(?:time|delay)\b|\bkeep\s+up\b|\bas\s+fast\s+as\b|\bup-to-date\s+data\b",
            2,
        ),
        (
            rf"\b(?:within|in\s+less\s+than|less\s+than|under|no\s+(?:longer|more)\s+than|not\s+exceed|at\s+most|in\s+under|"
            rf"maximum\s+of|up\s+to|faster\s+than)\s+{_QUANTITY}\s*{_TIME_UNIT}\b",
            3,
        ),
        (r"\b(?:response\s+times?|latency|throughput|turnaround|load\s+times?|performance)\b", 2.5),
        (r"\b(?:per|a|each|every)\s+(?:\d+\s+)?(?:milliseconds?|seconds?|minutes?)\b", 2),
        (rf"\b{_QUANTITY}\s*{_TIME_UNIT}\b.{{0,20}}\b(?:of|after|from|or\s+less|in)\b", 1.5),
        (rf"\b{_QUANTITY}\s+(?:seconds?|milliseconds?|ms)\b", 1.5),
        (
            r"\b(?:fast|fast\s+enough|quick(?:ly)?|speed|immediately|real[- ]time|promptly|efficient(?:ly)?)\b",
            1.5,
        ),
        (r"\b(?:respond|load|refresh|return|process)(?:s|es|ed)?\b.{0,60}\bseconds?\b", 1.5),
    ),
    RequirementType.MAINTAINABILITY: (
        (r"\b(?:maintain(?:able|ability|ers?)|maintenance|extensib\w+|modular\w*|refactor\w*)\b", 2.5),
        (
            r"\b(?:source\s+code|coding\s+(?:standards?|guidelines?|conventions?)|unit\s+tests?|test\s+coverage|code\s+review)\b",
            2.5,
        ),
        (r"\bbe\s+(?:able\s+to\s+be\s+)?(?:modified|changed|extended|updated|upgraded|customi[sz]ed)\b", 2),
        (r"\b(?:developers?|programmers?|maintainers?|development\s+team)\b", 1),
        (r"\b(?:add|adding|addition\s+of|addable|integrate)\b.{0,40}\b(?:without|within|in\s+less)\b", 2),
        (r"\b(?:updates?|upgrades?|new\s+(?:versions?|releases?|features?|modules?))\b", 1),
        (r"\bwithout\s+(?:changing|recompil\w+|modif\w+|chang\w+\s+to)\b", 2),
        (
            r"\b(?:configurable|promot\w+\s+to\s+production|deploy(?:ed|ment)|release\s+cycle|bug\s+fix\w*)\b",
            1.5,
        ),
    ),
    RequirementType.DOCUMENTATION: (
        (
            r"\b(?:user\s+(?:manual|guide)|handbook|online\s+help|help\s+(?:pages?|system)|documentation)\b",
            2.5,
        ),
        (r"\b(?:be|is|are)\s+documented\b", 1.5),
        (r"\bdocument(?:s)?\s+(?:the|any|all|its|their|how|which)\b", 2),
        (r"\b(?:specification|documents?)\b.{0,30}\b(?:describe|define|specify)\b", 1),
    ),
    RequirementType.OPERATIONAL: (
        (r"\b(?:interfaces?|integrates?|compatible|interoperable)\s+with\b", 2.5),
        (r"\b(?:pdas?|smartphones?|tablets?|handhelds?|pocket\s+pc|palm|printers?|scanners?)\b", 1),
        (
            rf"\b(?:run|runs|operate|operates|work|works|function|executed?|installed|hosted)\b.{{0,30}}"
            rf"\b(?:on|under|with|within|in)\b.{{0,50}}\b(?:{_PLATFORM}|servers?|browsers?|environment|network|hardware|"
            r"operating\s+systems?|devices?|workstations?|temperatures?|intranet)\b",
            2.5,
        ),
        (
            r"\b(?:interface|interact|integrate|communicate|exchange)s?\b.{0,40}\bwith\b.{0,60}"
            r"\b(?:systems?|servers?|database|printers?|software|applications?|services?|devices?)\b",
            2.5,
        ),
        (
            r"\b(?:existing|legacy|already\s+in\s+place|in\s+use\s+at|current)\b.{0,25}"
            r"\b(?:systems?|servers?|database|hardware|infrastructure|network|printers?|environment|browsers?)\b",
            2,
        ),
        (
            r"\b(?:temperatures?|humidity|noisy|outdoors?|weather|rain|vibrations?|factory|warehouse\s+floor|lighting)\b",
            1.5,
        ),
        (
            r"\b(?:used|use)\s+(?:on|in|by)\b.{0,40}\b(?:tablet|handheld|mobile|desktop|laptop|kiosk|devices?|computers?|environment)\b",
            2,
        ),
        (r"\b(?:operating\s+environment|office\s+environment|operating\s+systems?|web\s+browsers?)\b", 2),
        (rf"\b{_PLATFORM}\b", 1.5),
        (r"\b(?:delivered|released|roll(?:ed)?\s+out|go\s+live|distributed)\b", 1.5),
        (r"\b(?:backed\s+up|backups?|batch|nightly|every\s+night)\b", 1),
    ),
    RequirementType.INTERFACE: (
        (
            r"\b(?:endpoints?|API|REST|SOAP|protocols?|HTTP\s+(?:request|response|method|header|status))\b",
            1.5,
        ),
        (
            r"\b(?:requests?|responses?)\b.{0,60}\b(?:parameters?|header|body|format|encoded|method|content[- ]type)\b",
            2,
        ),
        (r"\b(?:parameters?|header\s+fields?)\b.{0,50}\b(?:requests?|responses?|URI|query)\b", 2),
        (
            r"\b(?:content[- ]type|media\s+type|status\s+code|query\s+(?:component|string)|fragment\s+component|URIs?)\b",
            1.5,
        ),
        (r"\"(?:GET|POST|PUT|DELETE|PATCH)\"|\bHTTP\b", 1.5),
        (r"\b(?:file\s+format|message\s+format|XML|JSON|CSV)\b", 1),
        (r"\b(?:user\s+interface|screen|web\s+interface)\s+(?:shall|must|should)\b", 0.5),
    ),
    RequirementType.DATA: (
        (
            r"\b(?:stored?|persist\w*|retained?|retention|archiv\w+|records?\s+shall)\b.{0,40}\b(?:data|records?|database|fields?)\b",
            2,
        ),
        (
            r"\b(?:value|parameter|field|attribute|string|element)\b.{0,90}"
            r"\b(?:MUST|SHALL|must|shall|is)\s+(?:be|contain|include|consist|match|REQUIRED|OPTIONAL|not\s+(?:include|contain))\b",
            2,
        ),
        (
            r"\b(?:data\s+(?:model|types?|formats?|dictionary|elements?)|character\s+set|case[- ](?:in)?sensitive|encoding)\b",
            2,
        ),
        (r"\b(?:identifier|value)s?\b.{0,30}\bunique\b|\bunique\b.{0,20}\bidentifier\b", 2),
        (r"^the\s+(?:value\s+of\s+)?\"[^\"]+\"|^\"[^\"]+\"", 1.5),
        (r"\b(?:personal\s+data)\b", 0.5),
    ),
}
